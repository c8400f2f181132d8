using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Conclave.Storage;

/// <summary>
/// The store of one process, and the executable specification of <see cref="IStore"/>: whatever another engine does, it does what this one
/// does. One lock, one revision, nothing durable.
/// </summary>
public sealed class MemoryStore : IStore
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly ChangeHints _hints;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _keys = new(KeyOrder.Instance);
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);
    private readonly ITimer _expiry;
    private long _revision;
    private long _lastSession;
    private long _earliestDeadline = long.MaxValue;
    private bool _disposed;

    /// <summary>Creates an empty store.</summary>
    /// <param name="timeProvider">The clock of the sessions; by default the one that counts suspended time.</param>
    public MemoryStore(TimeProvider? timeProvider = null)
    {
        _time = timeProvider ?? new BootTimeProvider();
        _hints = new(_time, Description.MaxSilence);
        _expiry = _time.CreateTimer(static store => ((MemoryStore)store!).OnDeadline(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; } = new()
    {
        Engine = "memory",
        Address = "this process",
        Reach = StoreReach.Process,
        Durability = StoreDurability.None,
        ExpiryClock = ExpiryClock.Monotonic,
        ExpiryBound = TimeSpan.FromSeconds(1),
    };

    /// <inheritdoc/>
    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<CommitResult>(cancellationToken);
        }

        lock (_lock)
        {
            BeginLocked();
            CheckSessions(transaction);
            bool accepted = Holds(transaction);
            if (accepted && !transaction.IsReadOnly)
            {
                Apply(transaction);
            }

            return new(new CommitResult(accepted, _revision, Answer(transaction.Reads)));
        }
    }

    /// <inheritdoc/>
    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        _hints.WaitAsync(prefix, afterRevision, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckTimeToLive(timeToLive);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            BeginLocked();
            var id = new SessionId((++_lastSession).ToString("x", CultureInfo.InvariantCulture));
            _sessions.Add(id.Value, new Session(timeToLive, Deadline(timeToLive)));
            ScheduleExpiry();
            return new(new SessionGrant(id, timeToLive));
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            BeginLocked();
            bool alive = _sessions.TryGetValue(session.Value, out var found);
            if (alive)
            {
                found!.Deadline = Deadline(found.TimeToLive);
            }

            return new(alive);
        }
    }

    /// <inheritdoc/>
    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            BeginLocked();
            End(session.Value);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Ends every wait; all later calls throw <see cref="ObjectDisposedException"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        _hints.Dispose();
        await _expiry.DisposeAsync().ConfigureAwait(false);
    }

    private void BeginLocked()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_time.GetTimestamp() >= _earliestDeadline)
        {
            ExpireSessions();
        }
    }

    private void CheckSessions(Transaction transaction)
    {
        foreach (var write in transaction.Writes)
        {
            if (write.Session is { } session && !_sessions.ContainsKey(session.Value))
            {
                throw new SessionExpiredException($"The session {session} is gone.");
            }
        }
    }

    private bool Holds(Transaction transaction)
    {
        foreach (var condition in transaction.Conditions)
        {
            long revision = _entries.TryGetValue(condition.Key, out var entry) ? entry.Revision : 0;
            if (revision != condition.Revision)
            {
                return false;
            }
        }

        return true;
    }

    private void Apply(Transaction transaction)
    {
        long revision = _revision + 1;
        foreach (var write in transaction.Writes)
        {
            if (write.IsDelete)
            {
                Delete(write.Key, revision);
            }
            else
            {
                Put(write, revision);
            }
        }
    }

    private void Put(Write write, long revision)
    {
        ref var slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_entries, write.Key, out bool exists);
        slot = exists
            ? slot! with { Value = write.Value.ToArray(), Revision = revision }
            : new Entry(write.Key, write.Value.ToArray(), revision, revision, write.Session);
        if (!exists)
        {
            _keys.Add(write.Key);
            if (write.Session is { } session)
            {
                _sessions[session.Value].Keys.Add(write.Key);
            }
        }

        Publish(write.Key, revision);
    }

    private void Delete(string key, long revision)
    {
        if (_entries.Remove(key, out var entry))
        {
            _keys.Remove(key);
            if (entry.Session is { } session)
            {
                _sessions[session.Value].Keys.Remove(key);
            }

            Publish(key, revision);
        }
    }

    // the revision becomes the store's with the first key that really changes
    private void Publish(string key, long revision)
    {
        _revision = revision;
        _hints.Publish(key, revision);
    }

    private ImmutableArray<ImmutableArray<Entry>> Answer(ImmutableArray<Read> reads)
    {
        if (reads.IsEmpty)
        {
            return [];
        }

        var answers = new ImmutableArray<Entry>[reads.Length];
        for (int i = 0; i < answers.Length; i++)
        {
            answers[i] = reads[i].IsScan ? Scan(reads[i]) : _entries.TryGetValue(reads[i].Key, out var entry) ? [entry] : [];
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(answers);
    }

    private ImmutableArray<Entry> Scan(Read scan)
    {
        var found = ImmutableArray.CreateBuilder<Entry>();
        string first = scan.StartAfter is { } startAfter && KeyOrder.Instance.Compare(startAfter, scan.Key) > 0 ? startAfter : scan.Key;
        if (_keys.Max is not { } last || KeyOrder.Instance.Compare(first, last) > 0)
        {
            return [];
        }

        foreach (string key in _keys.GetViewBetween(first, last))
        {
            if (!key.StartsWith(scan.Key, StringComparison.Ordinal) || found.Count == scan.Limit)
            {
                // the view begins at the prefix, so the first foreign key is behind all of them
                break;
            }

            if (key != scan.StartAfter)
            {
                found.Add(_entries[key]);
            }
        }

        return found.DrainToImmutable();
    }

    private void End(string session)
    {
        if (_sessions.TryGetValue(session, out var ended))
        {
            long revision = _revision + 1;
            foreach (string key in ended.Keys.ToArray())
            {
                Delete(key, revision);
            }

            _sessions.Remove(session);
        }
    }

    private void ExpireSessions()
    {
        long now = _time.GetTimestamp();
        foreach (string session in _sessions.Where(s => s.Value.Deadline <= now).Select(s => s.Key).ToArray())
        {
            End(session);
        }

        ScheduleExpiry();
    }

    private void ScheduleExpiry()
    {
        _earliestDeadline = _sessions.Count == 0 ? long.MaxValue : _sessions.Values.Min(s => s.Deadline);
        var due = _sessions.Count == 0 ? Timeout.InfiniteTimeSpan : _time.GetElapsedTime(_time.GetTimestamp(), _earliestDeadline);
        _ = _expiry.Change(due <= TimeSpan.Zero && due != Timeout.InfiniteTimeSpan ? TimeSpan.Zero : due, Timeout.InfiniteTimeSpan);
    }

    private void OnDeadline()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                // sessions may have been renewed since; then this only looks for the next deadline
                ExpireSessions();
            }
        }
    }

    private long Deadline(TimeSpan timeToLive) =>
        _time.GetTimestamp() + (long)(timeToLive.TotalSeconds * _time.TimestampFrequency);

    private sealed class Session(TimeSpan timeToLive, long deadline)
    {
        public TimeSpan TimeToLive => timeToLive;

        public long Deadline { get; set; } = deadline;

        public HashSet<string> Keys { get; } = new(StringComparer.Ordinal);
    }
}
