using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Conclave.Redis;

/// <summary>
/// The connection that all commands share: made when it is first needed, again when it broke, never more than one at a time. A call waits for
/// one attempt at most; attempts that fail come slower and slower.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "disposed asynchronously")]
internal sealed class Link(RedisStoreOptions options, TimeProvider time, Action<AttachReply, bool> onAttached) : IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly NamespaceNames _names = new(options.Prefix, options.Channel);
    private readonly CancellationTokenSource _stopping = new();
    private Attachment? _current;
    private Task<Attachment>? _connecting;
    private TimeSpan _pause;
    private long _failedAt;
    private bool _disposed;

    /// <summary>What was seen of the namespace.</summary>
    public Known Known { get; } = new((long)options.LongestTimeToLive.TotalMilliseconds);

    /// <summary>The names of the namespace.</summary>
    public NamespaceNames Names => _names;

    /// <summary>The connection if there is one now.</summary>
    public Attachment? Current => Volatile.Read(ref _current) is { Connection.Broken.IsCompleted: false } current ? current : null;

    /// <summary>The connection, made if there is none.</summary>
    /// <exception cref="ConclaveException">There is none to be had; nothing was sent.</exception>
    public ValueTask<Attachment> GetAsync(CancellationToken cancellationToken) =>
        Current is { } current && !_disposed ? new(current) : new(ConnectAsync(null).WaitAsync(cancellationToken));

    /// <summary>Attaches the connection to the life that the namespace has now.</summary>
    public Task ReattachAsync(Attachment stale, CancellationToken cancellationToken) => ConnectAsync(stale).WaitAsync(cancellationToken);

    /// <summary>Teaches the server the scripts, which a restart or SCRIPT FLUSH made it forget.</summary>
    public static async Task LoadScriptsAsync(IRedisConnection connection, CancellationToken cancellationToken) =>
        await Task.WhenAll(Script.All.Select(s => connection.SendAsync(
            new PlainCommand<string>(static (ref RespReader answer) => answer.ReadText(), "SCRIPT", "LOAD", s.Text), cancellationToken))).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        Task<Attachment>? connecting;
        lock (_lock)
        {
            _disposed = true;
            connecting = _connecting;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        if (connecting is not null)
        {
            await ((Task)connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (_current is { } current)
        {
            await current.Connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private Task<Attachment> ConnectAsync(Attachment? stale)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return Task.FromException<Attachment>(new ObjectDisposedException(nameof(RedisStore)));
            }

            // somebody else may have been faster
            if (Current is { } current && current != stale)
            {
                return Task.FromResult(current);
            }

            return _connecting ??= Task.Run(ConnectOnceAsync).Observed();
        }
    }

    private async Task<Attachment> ConnectOnceAsync()
    {
        try
        {
            var attachment = await MakeAsync(_stopping.Token).ConfigureAwait(false);
            lock (_lock)
            {
                Volatile.Write(ref _current, attachment);
                _connecting = null;
                _pause = TimeSpan.Zero;
            }

            return attachment;
        }
        catch (Exception e)
        {
            lock (_lock)
            {
                _connecting = null;
                _failedAt = time.GetTimestamp();
                _pause = _pause == TimeSpan.Zero ? FirstPause : _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
            }

            ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, typeof(RedisStore));
            throw Failures.OfCommand(e, isWriting: false);
        }
    }

    private async Task<Attachment> MakeAsync(CancellationToken cancellationToken)
    {
        if (Current is { } current)
        {
            return await AttachAsync(current.Connection, current.Server, cancellationToken).ConfigureAwait(false);
        }

        if (_current is { } broken)
        {
            await broken.Connection.DisposeAsync().ConfigureAwait(false);
        }

        var due = (_pause * (0.5 + Random.Shared.NextDouble())) - time.GetElapsedTime(_failedAt);
        if (_pause > TimeSpan.Zero && due > TimeSpan.Zero)
        {
            await Task.Delay(due, time, cancellationToken).ConfigureAwait(false);
        }

        var (connection, server) = await ConnectAnyAsync(options, time, null, cancellationToken).ConfigureAwait(false);
        try
        {
            return await AttachAsync(connection, server, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Connects to the first server that can be used.</summary>
    /// <exception cref="ConclaveException">None can; the most telling reason.</exception>
    internal static async Task<(RespConnection Connection, ServerInfo Server)> ConnectAnyAsync(
        RedisStoreOptions options, TimeProvider time, PushHandler? onPush, CancellationToken cancellationToken)
    {
        ConclaveException? failure = null;
        foreach (var host in options.Hosts)
        {
            try
            {
                return await Greeting.ConnectAsync(options, host, time, onPush, cancellationToken).ConfigureAwait(false);
            }
            catch (ConclaveException e)
            {
                // one that is away may be the master, and come back; what else is wrong matters only when none is away
                failure = failure is null or { IsTransient: false } ? e : failure;
            }
        }

        throw failure!;
    }

    private async Task<Attachment> AttachAsync(IRedisConnection connection, ServerInfo server, CancellationToken cancellationToken)
    {
        byte[] newLife = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
        bool mayHaveForgotten = !options.TrustEmptyServer && server.UptimeSeconds * 1000 <= Known.LongestMilliseconds + 1000;
        var attachment = new Attachment(connection, server, _names, newLife, Known);
        var loading = LoadScriptsAsync(connection, cancellationToken);
        var attaching = connection.SendAsync(new AttachCommand(attachment, mayHaveForgotten, options.TrustEmptyServer), cancellationToken);
        await loading.ConfigureAwait(false);
        var reply = await attaching.ConfigureAwait(false);

        bool isNew = Known.Life is { } known && !known.AsSpan().SequenceEqual(reply.Life);
        Known.Life = reply.Life;
        Known.SawEpoch(reply.Epoch);
        Known.SawLongest(reply.LongestMilliseconds);
        onAttached(reply, isNew);
        return attachment with { Life = reply.Life };
    }
}
