using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>Concurrent clients of one namespace that do a bit of everything, recorded.</summary>
internal sealed class StoreTraffic
{
    private const int Workers = 8;
    private const int Wanted = 1200;
    private const int Most = 6000;

    private static readonly string[] Keys = ["h/a", "h/a/", "h/\uFFFD", "h/\U00010000", "h/b", "h"];

    private readonly StoreHarness _harness;
    private readonly StoreHistory _history = new();
    private readonly IStore[] _stores;
    private int _unknown;
    private int _refused;
    private int _closed;

    public StoreTraffic(StoreHarness harness)
    {
        _harness = harness;
        _stores = [.. Enumerable.Range(0, 2).Select(_ => harness.ConnectUnderClient(harness.Clock, sessionsEnded: 0.1))];
    }

    public async Task<StoreHistory> RunAsync()
    {
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(w => Task.Run(() => WorkAsync(w)))).ConfigureAwait(false);
        await _harness.CalmAsync().ConfigureAwait(false);
        foreach (var store in _stores)
        {
            _ = await new HistoryRecorder(store, _history).CommitAsync(new(reads: [Read.Scan("h")])).ConfigureAwait(false);
        }

        return _history;
    }

    /// <summary>A history without conflicts, overlaps, ended sessions, and through chaos unknown outcomes, proves little.</summary>
    public void ThrowIfWeak(StoreHistory history)
    {
        var operations = history.ToList();
        int conflicts = operations.Count(o => o.Result is { Accepted: false } && o.Transaction!.Conditions.Any(c => c.Revision > 0));
        int overlaps = operations.Zip(operations.Skip(1)).Count(o => o.Second.Start < o.First.End);
        int unknown = operations.Count(o => o.Outcome == CallOutcome.Unknown);
        int closed = operations.Count(o => o is { Call: StoreCall.CloseSession, Outcome: CallOutcome.Answered });
        string seen = string.Create(CultureInfo.InvariantCulture, $"{operations.Count} operations, {conflicts} conflicts, {overlaps} overlaps, {closed} closed sessions, {unknown} unknown outcomes");
        Check.That(operations.Count >= Wanted && conflicts > 0 && overlaps > 0 && closed > 0 && (unknown > 0) == _harness.IsChaotic, "the run is strong enough: " + seen);
    }

    private bool IsEnough() =>
        _history.Count >= Most
        || (_history.Count >= Wanted && Volatile.Read(ref _refused) > 20 && Volatile.Read(ref _closed) > 5 && (!_harness.IsChaotic || Volatile.Read(ref _unknown) > 20));

    private async Task WorkAsync(int worker)
    {
        var client = new Client(this, new HistoryRecorder(new Unhurried(_stores[worker % 2]), _history), worker);
        while (!IsEnough())
        {
            try
            {
                await client.StepAsync().ConfigureAwait(false);
            }
            catch (OutcomeUnknownException)
            {
                Interlocked.Increment(ref _unknown);
            }
            catch (Exception e) when (e is StoreUnavailableException or SessionExpiredException)
            {
                await Task.Yield();
            }
        }
    }

    private sealed class Client(StoreTraffic owner, IStore store, int worker)
    {
        private readonly Random _random = new((owner._harness.Seed * 100) + worker);
        private readonly Dictionary<string, long> _seen = new(StringComparer.Ordinal);
        private SessionId? _session;
        private int _values;

        public Task StepAsync() => _random.Next(100) switch
        {
            < 25 => ReadAsync(),
            < 60 => CommitAsync([Condition()], [Put(Key())]),
            < 70 => CommitAsync([], [Put(Key())]),
            < 78 => CommitAsync(_random.Next(2) == 0 ? [] : [Condition()], [Write.Delete(Key())]),
            < 90 => CommitAsync([], [.. Keys.Order(StringComparer.Ordinal).Where(_ => _random.Next(3) == 0).Select(k => _random.Next(4) == 0 ? Write.Delete(k) : Put(k))]),
            _ => SessionAsync(),
        };

        private Task ReadAsync() => _random.Next(3) == 0
            ? CommitAsync([Condition()], [], Read.Get(Key()), Read.Get(Key()))
            : CommitAsync([], [], Read.Scan("h/"), Read.Scan("h/", Key(), _random.Next(1, 4)));

        private async Task CommitAsync(Condition[] conditions, Write[] writes, params Read[] reads)
        {
            // half of the commits read back; the revisions of the others are for the checker to find
            Read[] back = _random.Next(2) == 0 ? [Read.Scan("h")] : [];
            var result = await store.CommitAsync(new(conditions, writes, [.. reads, .. back])).ConfigureAwait(false);
            if (!result.Accepted)
            {
                Interlocked.Increment(ref owner._refused);
            }

            if (back.Length > 0)
            {
                _seen.Clear();
                foreach (var entry in result.Reads[^1])
                {
                    _seen[entry.Key] = entry.Revision;
                }
            }
        }

        private async Task SessionAsync()
        {
            if (_session is not { } session)
            {
                _session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)).Id;
            }
            else if (_random.Next(2) == 0)
            {
                _ = await store.RenewSessionAsync(session).ConfigureAwait(false);
            }
            else
            {
                await store.CloseSessionAsync(session).ConfigureAwait(false);
                Interlocked.Increment(ref owner._closed);

                // now and then the dead one is used once more
                _session = _random.Next(4) == 0 ? session : null;
            }
        }

        private Write Put(string key) =>
            Write.Put(key, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"w{worker}-{++_values}")), _random.Next(3) == 0 ? _session : null);

        private Condition Condition()
        {
            string key = Key();
            return _seen.TryGetValue(key, out long revision) ? Storage.Condition.Unchanged(key, revision) : Storage.Condition.Absent(key);
        }

        private string Key() => Keys[_random.Next(Keys.Length)];
    }

    /// <summary>Lets others run in the middle of a call, also where the store behind answers at once.</summary>
    private sealed class Unhurried(IStore inner) : IStore
    {
        public StoreDescription Description => inner.Description;

        public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default) => Around(() => inner.CommitAsync(transaction, cancellationToken));

        public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) => inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

        public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => Around(() => inner.OpenSessionAsync(timeToLive, cancellationToken));

        public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) => Around(() => inner.RenewSessionAsync(session, cancellationToken));

        public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            await inner.CloseSessionAsync(session, cancellationToken).ConfigureAwait(false);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private static async ValueTask<T> Around<T>(Func<ValueTask<T>> call)
        {
            await Task.Yield();
            var result = await call().ConfigureAwait(false);
            await Task.Yield();
            return result;
        }
    }
}
