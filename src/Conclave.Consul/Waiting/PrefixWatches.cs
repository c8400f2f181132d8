using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Consul;

/// <summary>
/// Who waits for changes under which prefix. Each prefix that somebody waits for has one blocking query, shared by all who wait for it: Consul
/// answers one only when something under its prefix changed, while one query for a whole namespace would send all of its keys at every change.
/// </summary>
internal sealed class PrefixWatches(AgentPool agents, ConsulKeys keys, Committer committer, TimeSpan maxSilence, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>
    /// How many blocking queries may be open: each is a connection, and an agent serves 200 of one address (http_max_conns_per_client). Where more
    /// prefixes are waited for, the queries are short and take turns.
    /// </summary>
    internal const int MaxQueries = 32;

    private const int FewLeft = 8;

    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ShortWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, PrefixWatch> _watches = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _queries = new(MaxQueries);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private long _lastSweep = time.GetTimestamp();
    private int _queued;
    private bool _disposed;

    public Lock Lock => _lock;

    public TimeProvider Time => time;

    public TimeSpan MaxSilence => maxSilence;

    public Committer Committer => committer;

    public CancellationToken Stopping => _stop.Token;

    public ILogger Logger => logger;

    public string Address => agents.Address;

    public ValueTask<long> WaitAsync(string prefix, long afterRevision, CancellationToken cancellationToken)
    {
        StoreLimits.CheckPrefix(prefix);
        cancellationToken.ThrowIfCancellationRequested();
        string path = keys.WatchPath(prefix);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(ConsulStore));
            Sweep();
            if (!_watches.TryGetValue(path, out var watch))
            {
                _watches.Add(path, watch = new(this, path));
            }

            return watch.Wait(afterRevision, cancellationToken);
        }
    }

    /// <summary>Asks once, when it is this prefix's turn: the answer comes when the prefix changed past the index, or after a while.</summary>
    /// <exception cref="ConclaveException">Nobody answered.</exception>
    public async ValueTask<ConsulAnswer> QueryAsync(string path, long index)
    {
        Interlocked.Increment(ref _queued);
        await _queries.WaitAsync(_stop.Token).ConfigureAwait(false);
        try
        {
            var wait = Interlocked.Decrement(ref _queued) > 0 ? Turn : _queries.CurrentCount < FewLeft ? ShortWait : maxSilence;

            // the agent adds up to a sixteenth
            var timeout = (wait * 1.0625) + agents.AnswerTimeout;
            string query = string.Create(
                System.Globalization.CultureInfo.InvariantCulture, $"/v1/kv/{path}?keys&separator=%2F&index={index}&wait={(long)wait.TotalMilliseconds}ms");
            return await agents.CallAsync(new(HttpMethod.Get, query, default, timeout, 404), mayRepeat: true, _stop.Token).ConfigureAwait(false);
        }
        finally
        {
            _queries.Release();
        }
    }

    /// <summary>Ends every wait with <see cref="ObjectDisposedException"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] running;
        lock (_lock)
        {
            _disposed = true;
            running = [.. _watches.Values.Select(w => w.Stop())];
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(running).ConfigureAwait(false);
    }

    // what was known of a prefix makes the next wait for it exact; it is kept for a while, and costs nothing
    private void Sweep()
    {
        if (time.GetElapsedTime(_lastSweep) > Remembered)
        {
            _lastSweep = time.GetTimestamp();
            foreach (var (path, watch) in _watches)
            {
                if (watch.IsIdle(Remembered))
                {
                    _watches.Remove(path);
                }
            }
        }
    }
}
