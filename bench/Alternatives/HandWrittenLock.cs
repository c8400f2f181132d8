using Conclave.Storage;

namespace Conclave.Alternatives;

/// <summary>A lock as somebody writes it who needs one this afternoon. One object is what one process would have: its connection, its session if the server has such a thing.</summary>
internal abstract class HandWrittenLock : IAsyncDisposable
{
    private long _requests;

    /// <summary>How many requests went to the server so far.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Connects to the server that a store's URI names.</summary>
    /// <param name="uri">As for the store.</param>
    /// <param name="timeToLive">After which time a dead holder is forgotten, where the server forgets by time.</param>
    /// <param name="pause">How long a waiter waits between two tries, where it has to try.</param>
    public static async Task<HandWrittenLock> ConnectAsync(StoreUri uri, TimeSpan timeToLive, TimeSpan pause) => uri.Scheme switch
    {
        "sqlite" => new SqliteLock(uri.Path, timeToLive, pause),
        "etcd" => await EtcdLock.ConnectAsync(uri.Hosts[0], timeToLive),
        "consul" => await ConsulLock.ConnectAsync(uri.Hosts[0], timeToLive, pause),
        "redis" => await RedisLock.ConnectAsync(uri.Hosts[0], timeToLive, pause),
        "postgres" => new PostgresLock(uri.Hosts[0], pause),
        _ => throw new ArgumentException($"Nobody wrote a lock for '{uri.Scheme}'.", nameof(uri)),
    };

    /// <summary>Waits until the name is ours.</summary>
    public abstract Task AcquireAsync(string name, CancellationToken cancellationToken = default);

    public abstract Task ReleaseAsync(string name);

    public abstract ValueTask DisposeAsync();

    private protected void Count() => Interlocked.Increment(ref _requests);
}

/// <summary>Who waits tries again and again.</summary>
internal abstract class PollingLock(TimeSpan pause) : HandWrittenLock
{
    public sealed override async Task AcquireAsync(string name, CancellationToken cancellationToken = default)
    {
        while (!await TryAcquireAsync(name))
        {
            await Task.Delay(pause, TimeProvider.System, cancellationToken);
        }
    }

    public abstract Task<bool> TryAcquireAsync(string name);
}
