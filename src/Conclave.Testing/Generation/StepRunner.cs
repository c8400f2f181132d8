using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>Runs one sequence against a store and the model, under a prefix of its own, and compares every answer and the state after every step.</summary>
internal sealed class StepRunner(StoreHarness harness, IStore[] stores, string prefix)
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(20);

    private readonly Dictionary<int, (SessionId Id, TimeSpan TimeToLive)> _sessions = [];
    private readonly Dictionary<SessionId, long> _sent = [];
    private readonly Dictionary<string, long> _older = new(StringComparer.Ordinal);
    private readonly Dictionary<long, (long Above, long UpTo)> _unseen = [];
    private readonly Dictionary<long, long> _seen = [];
    private StoreModel _model = StoreModel.Empty;
    private long _highest;

    /// <summary>Runs the sequence.</summary>
    /// <returns>What the store did otherwise than the model, or null.</returns>
    public async Task<string?> RunAsync(IReadOnlyList<GeneratedStep> steps)
    {
        for (int i = 0; i < steps.Count; i++)
        {
            try
            {
                await StepAsync(steps[i], i).ConfigureAwait(false);
                await CompareAllAsync(stores[1 - steps[i].Store]).ConfigureAwait(false);
                await CompareAllAsync(stores[steps[i].Store]).ConfigureAwait(false);
            }
            catch (ConformanceException e)
            {
                return string.Create(CultureInfo.InvariantCulture, $"step {i + 1}: {e.Message}");
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                return string.Create(CultureInfo.InvariantCulture, $"step {i + 1}: {e.GetType().Name}: {e.Message}");
            }

            if (!harness.FollowsClock && Oldest() > TimeToLive / 2)
            {
                // real time has passed: from here the model would not know who is alive
                return null;
            }
        }

        foreach (var session in _sessions.Values)
        {
            await stores[0].CloseSessionAsync(session.Id).ConfigureAwait(false);
        }

        return null;
    }

    private Task StepAsync(GeneratedStep step, int number) => step switch
    {
        CommitStep commit => CommitAsync(commit, number),
        SessionStep session => SessionAsync(session),
        PassStep pass => PassAsync(pass),
        _ => Task.CompletedTask,
    };

    private async Task CommitAsync(CommitStep step, int number)
    {
        var transaction = new Transaction(
            [.. step.Conditions.Select(Resolve)],
            [.. step.Writes.Select(w => w.Value is null ? Write.Delete(prefix + w.Key) : Write.Put(prefix + w.Key, Encoding.UTF8.GetBytes(w.Value), Slot(w.Slot)))],
            [.. step.Reads.Select(r => r.IsScan ? Read.Scan(prefix + r.Key, r.StartAfter is null ? null : prefix + r.StartAfter, r.Limit) : Read.Get(prefix + r.Key))]);
        bool holds = transaction.Conditions.All(_model.Holds);
        bool isDead = _model.DeadSession(transaction) is not null;
        CommitResult result;
        try
        {
            result = await stores[step.Store].CommitAsync(transaction).ConfigureAwait(false);
        }
        catch (SessionExpiredException)
        {
            Check.That(isDead, "the session was reported as gone, and is alive");
            return;
        }

        Check.That(!(isDead && result.Accepted), "a put with a session that is gone was accepted");
        Check.Equal(holds, result.Accepted, "accepted");
        if (result.Accepted && _model.IsChangedBy(transaction))
        {
            foreach (var entry in transaction.Writes.Select(w => _model.Find(w.Key)).OfType<Entry>())
            {
                _older[entry.Key] = entry.Revision;
            }

            _model = _model.Apply(transaction, -(number + 1));
            _unseen[-(number + 1)] = (_highest, result.Revision);
            Check.That(result.Revision > _highest, $"a commit that changes something was answered with revision {result.Revision}, {_highest} was known before");
        }

        for (int i = 0; i < transaction.Reads.Length; i++)
        {
            Compare(transaction.Reads[i], [.. result.Reads[i]]);
        }

        Check.That(result.Revision >= _highest || !result.Accepted, $"a commit was answered with revision {result.Revision}, {_highest} was known before");
        _highest = Math.Max(_highest, result.Revision);
    }

    private async Task SessionAsync(SessionStep step)
    {
        var store = stores[step.Store];
        long sent = harness.Clock.GetTimestamp();
        if (step.Call == StoreCall.OpenSession)
        {
            var grant = await store.OpenSessionAsync(TimeToLive).ConfigureAwait(false);
            Check.That(!_model.Knows(grant.Id), $"the session id {grant.Id} was used before");
            _sessions[step.Slot] = (grant.Id, grant.TimeToLive);
            _sent[grant.Id] = sent;
            _model = _model.Open(grant.Id);
        }
        else if (_sessions.TryGetValue(step.Slot, out var session))
        {
            bool isAlive = _model.IsAlive(session.Id);
            if (step.Call == StoreCall.RenewSession)
            {
                Check.Equal(isAlive, await store.RenewSessionAsync(session.Id).ConfigureAwait(false), "the answer to the renewal");
                _sent[session.Id] = sent;
            }
            else
            {
                await store.CloseSessionAsync(session.Id).ConfigureAwait(false);
                _model = isAlive ? _model.End(session.Id) : _model;
            }
        }
    }

    private async Task PassAsync(PassStep step)
    {
        if (step.IsLong)
        {
            var longest = _sessions.Count == 0 ? TimeToLive : _sessions.Values.Max(s => s.TimeToLive);
            await harness.PassAsync(stores[0].Description.LatestExpiry(longest) + TimeSpan.FromSeconds(1)).ConfigureAwait(false);
            foreach (var session in _sent.Keys.Where(_model.IsAlive))
            {
                _model = _model.End(session);
            }
        }
        else if (Oldest() < TimeToLive * 0.7)
        {
            await harness.PassAsync(TimeToLive / 10).ConfigureAwait(false);
        }
    }

    private TimeSpan Oldest() =>
        _sent.Where(s => _model.IsAlive(s.Key)).Select(s => harness.Clock.GetElapsedTime(s.Value)).DefaultIfEmpty().Max();

    private async Task CompareAllAsync(IStore store)
    {
        var scan = Read.Scan(prefix);
        var result = await store.CommitAsync(new(reads: [scan])).ConfigureAwait(false);
        try
        {
            Compare(scan, [.. result.Reads[0]]);
        }
        catch (ConformanceException e)
        {
            throw new ConformanceException("afterwards, " + e.Message);
        }

        Check.That(result.Revision >= _highest, $"a read was answered with revision {result.Revision}, {_highest} was known before");
        _highest = Math.Max(_highest, result.Revision);
    }

    private void Compare(Read read, List<Entry> seen)
    {
        var expected = _model.Answer(read).ToList();
        string what = $"'{StoreText.Read(read).Replace(StoreText.Key(prefix), "", StringComparison.Ordinal)}'";
        Check.Keys(expected.Select(e => Short(e.Key)), seen.Select(e => Short(e.Key)), what + " answers the keys");
        for (int i = 0; i < seen.Count; i++)
        {
            var entry = expected[i] with { Revision = See(expected[i].Revision, seen[i].Revision), CreateRevision = See(expected[i].CreateRevision, seen[i].CreateRevision) };
            bool same = entry.Session == seen[i].Session && entry.Revision == seen[i].Revision && entry.CreateRevision == seen[i].CreateRevision && entry.Value.Span.SequenceEqual(seen[i].Value.Span);
            Check.That(same, $"{what}: {Short(entry.Key)} expected {StoreText.Entry(entry)}, got {StoreText.Entry(seen[i])}");
            _model = _model.Set(entry.Key, entry);
        }
    }

    /// <summary>The revision of a commit becomes known when it is first seen; from then on it is the same everywhere.</summary>
    private long See(long revision, long seen)
    {
        if (revision >= 0)
        {
            return revision;
        }

        if (_seen.TryGetValue(revision, out long known))
        {
            return known;
        }

        var (above, upTo) = _unseen[revision];
        Check.That(seen > above && seen <= upTo, $"a commit has the revision {seen}, which must be above {above}, known before it, and not above {upTo}, with which it was answered");
        return _seen[revision] = seen;
    }

    private Condition Resolve(GeneratedCondition condition)
    {
        string key = prefix + condition.Key;
        long current = _model.Find(key)?.Revision ?? 0;
        return condition.Revision switch
        {
            GeneratedRevision.Absent => Condition.Absent(key),
            GeneratedRevision.Current => current == 0 ? Condition.Absent(key) : Condition.Unchanged(key, current),
            GeneratedRevision.Older => Condition.Unchanged(key, _older.GetValueOrDefault(key, 1)),
            _ => Condition.Unchanged(key, _highest + 1_000_000),
        };
    }

    private SessionId? Slot(int? slot) => slot is { } s && _sessions.TryGetValue(s, out var session) ? session.Id : null;

    private string Short(string key) => StoreText.Key(key.StartsWith(prefix, StringComparison.Ordinal) ? key[prefix.Length..] : key);
}
