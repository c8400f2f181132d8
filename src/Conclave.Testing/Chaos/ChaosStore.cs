using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// A store that misbehaves as the contract allows: late, unavailable, silent about outcomes, hinting for no reason, ending sessions. It owns
/// the store behind it. What it lets pass is applied faithfully, so whatever goes wrong behind it went wrong in its client.
/// </summary>
/// <param name="inner">The store that does the work.</param>
/// <param name="options">What to do wrong, and how often.</param>
public sealed class ChaosStore(IStore inner, ChaosOptions options) : IStore
{
    private readonly Random _random = new(options.Seed);
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<Task, byte> _late = [];
    private volatile bool _calm;
    private int _storm;

    /// <summary>What was done wrong so far.</summary>
    public ChaosCounts Counts { get; } = new();

    /// <summary>True to let everything pass from now on.</summary>
    public bool IsCalm
    {
        get => _calm;
        set => _calm = value;
    }

    /// <inheritdoc/>
    public StoreDescription Description => inner.Description;

    /// <inheritdoc/>
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        await DelayAsync(cancellationToken).ConfigureAwait(false);
        RefuseSometimes();
        if (!transaction.IsReadOnly)
        {
            if (Happens(options.UnknownNotApplied, ChaosFault.UnknownNotApplied))
            {
                throw Unknown();
            }

            if (Happens(options.UnknownAppliedLate, ChaosFault.UnknownAppliedLate))
            {
                SendLate(transaction);
                throw Unknown();
            }
        }

        var result = await inner.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
        if (!transaction.IsReadOnly && Happens(options.UnknownApplied, ChaosFault.UnknownApplied))
        {
            throw Unknown();
        }

        await DelayAsync(CancellationToken.None).ConfigureAwait(false);
        return result;
    }

    /// <inheritdoc/>
    public async ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        if (IsStorming() || Happens(options.SpuriousHints, ChaosFault.SpuriousHint))
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
            return afterRevision;
        }

        long revision = await inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken).ConfigureAwait(false);
        if (Happens(options.LateHints, ChaosFault.LateHint))
        {
            await Task.Delay(RandomUpTo(options.MaxLatency), TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }

        return revision;
    }

    /// <inheritdoc/>
    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        await DelayAsync(cancellationToken).ConfigureAwait(false);
        RefuseSometimes();
        return await inner.OpenSessionAsync(timeToLive, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        await DelayAsync(cancellationToken).ConfigureAwait(false);
        if (Happens(options.RefusedRenewals, ChaosFault.RefusedRenewal))
        {
            throw new StoreUnavailableException("Chaos refused the renewal.");
        }

        if (Happens(options.SessionsEnded, ChaosFault.SessionEnded))
        {
            await inner.CloseSessionAsync(session, cancellationToken).ConfigureAwait(false);
            return false;
        }

        return await inner.RenewSessionAsync(session, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        await DelayAsync(cancellationToken).ConfigureAwait(false);
        await inner.CloseSessionAsync(session, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until everything that is sent late has landed.</summary>
    public Task WaitForLateAsync() => Task.WhenAll(_late.Keys);

    /// <summary>Waits for what was sent late, and disposes the store behind.</summary>
    public async ValueTask DisposeAsync()
    {
        await WaitForLateAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await inner.DisposeAsync().ConfigureAwait(false);
    }

    private void SendLate(Transaction transaction)
    {
        var late = SendLateAsync(transaction);
        _late.TryAdd(late, 0);
    }

    private async Task SendLateAsync(Transaction transaction)
    {
        await Task.Delay(RandomUpTo(options.MaxLateness), TimeProvider.System).ConfigureAwait(false);
        try
        {
            _ = await inner.CommitAsync(transaction).ConfigureAwait(false);
        }
        catch (ConclaveException)
        {
            // its session has ended meanwhile, for example: nobody waits for the answer
        }
    }

    private async ValueTask DelayAsync(CancellationToken cancellationToken)
    {
        if (Happens(options.Latency, ChaosFault.Latency))
        {
            await Task.Delay(RandomUpTo(options.MaxLatency), TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool IsStorming()
    {
        if (Happens(options.StormingHints, ChaosFault.StormingHints))
        {
            Volatile.Write(ref _storm, options.StormLength + 1);
        }

        bool storms = !_calm && Volatile.Read(ref _storm) > 0 && Interlocked.Decrement(ref _storm) >= 0;
        if (storms)
        {
            Counts.Add(ChaosFault.SpuriousHint);
        }

        return storms;
    }

    private void RefuseSometimes()
    {
        if (Happens(options.Unavailable, ChaosFault.Unavailable))
        {
            throw new StoreUnavailableException("Chaos refused the call.");
        }
    }

    private TimeSpan RandomUpTo(TimeSpan most)
    {
        lock (_lock)
        {
            return most * _random.NextDouble();
        }
    }

    private bool Happens(double share, ChaosFault fault)
    {
        if (share <= 0 || _calm)
        {
            return false;
        }

        bool happens;
        lock (_lock)
        {
            happens = _random.NextDouble() < share;
        }

        if (happens)
        {
            Counts.Add(fault);
        }

        return happens;
    }

    private static OutcomeUnknownException Unknown() => new("Chaos lost the answer.");
}
