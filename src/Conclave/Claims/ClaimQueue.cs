using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// One queue of contenders in the store, on which lock, election, semaphore and membership stand. A contender is one key, bound to its
/// session, created once and deleted once; create revisions give the order.
/// </summary>
/// <remarks>
/// Source: the lock recipe of ZooKeeper (Hunt et al., USENIX ATC 2010) in the form of etcd's concurrency package, with a gate against late
/// joins and with the own entry and its blocker judged in one answer.
/// </remarks>
internal sealed class ClaimQueue
{
    private readonly Coordinator _coordinator;

    /// <summary>One queue, or several that are joined in one commit.</summary>
    /// <param name="coordinator">The client's coordinator.</param>
    /// <param name="kind">What the names are names of.</param>
    /// <param name="names">The names.</param>
    public ClaimQueue(Coordinator coordinator, string kind, params ReadOnlySpan<string> names)
    {
        (_coordinator, Kind) = (coordinator, kind);
        Name = string.Join(", ", names!);
        Prefixes = new string[names.Length];
        for (int i = 0; i < names.Length; i++)
        {
            Prefixes[i] = $"{kind}/{StoreNames.Escape(names[i])}/";
        }

        if (names.Length > 1)
        {
            Prefixes = [.. Prefixes.Distinct(StringComparer.Ordinal).Order(KeyOrder.Instance)];
        }
    }

    public string Kind { get; }

    public string Name { get; }

    /// <summary>Where the contenders' keys are, one prefix per queue, in the order of keys.</summary>
    public string[] Prefixes { get; }

    /// <summary>False when the contenders' values are somebody's own bytes, as those of an election: then all of them are exclusive.</summary>
    public bool HoldsRules { get; init; } = true;

    /// <summary>What a reading reads: the queues, then the epoch.</summary>
    public Read[] Reads => field ??= [.. Prefixes.Select(p => Read.Scan(p)), Read.Get(StoreNames.EpochKey)];

    private Transaction ReadQueues => field ??= new(reads: Reads);

    private TimeProvider Time => _coordinator.Time;

    /// <summary>Joins the queues and waits until the rule grants.</summary>
    /// <param name="rule">Who is granted.</param>
    /// <param name="timeout">How long to wait; zero to try once.</param>
    /// <param name="value">What the contender's entry holds instead of its rule, or null.</param>
    /// <param name="watcher">Hears how it goes, or null.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The hold, or null when the timeout came first.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ClaimHold?> AcquireAsync(
        ClaimRule rule, TimeSpan timeout, ReadOnlyMemory<byte>? value = null, IAcquisitionWatcher? watcher = null, CancellationToken cancellationToken = default)
    {
        using var activity = _coordinator.Telemetry.StartAcquire(Kind);
        long startedAt = Time.GetTimestamp();

        // who tries once does not wait, and so needs no turn among those of this process who wait for permits
        bool isGated = rule.Kind != ClaimRuleKind.Present && (rule.Kind != ClaimRuleKind.Permits || timeout != TimeSpan.Zero);
        bool isShared = rule.Kind == ClaimRuleKind.Shared;
        if (isGated && !await EnterGatesAsync(isShared, timeout, startedAt, watcher, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        ClaimHold? hold = null;
        try
        {
            var acquisition = new Acquisition(this, _coordinator, rule, value, watcher);
            hold = await acquisition.RunAsync(timeout, startedAt, cancellationToken).ConfigureAwait(false);
            return hold;
        }
        finally
        {
            // permits leave their turn to the next one with the grant
            if (isGated && (hold is null || rule.Kind == ClaimRuleKind.Permits))
            {
                ExitGates(isShared);
            }
        }
    }

    /// <summary>Reads who stands in the queues.</summary>
    public ValueTask<CommitResult> ReadAsync(CancellationToken cancellationToken) => _coordinator.CommitAsync(ReadQueues, cancellationToken);

    /// <summary>The epoch in a reading.</summary>
    public long Epoch(CommitResult result) => result.Get(Prefixes.Length) is { } epoch ? StoreEpoch.Parse(epoch.Value.Span) : 0;

    /// <summary>Lets the next ones of this process in.</summary>
    public void ExitGates(bool shared)
    {
        foreach (string prefix in Prefixes)
        {
            _coordinator.Gates.Exit(prefix, shared);
        }
    }

    private ValueTask<bool> EnterGatesAsync(bool shared, TimeSpan timeout, long startedAt, IAcquisitionWatcher? watcher, CancellationToken cancellationToken)
    {
        var first = EnterAsync(Prefixes[0], shared, timeout, watcher, cancellationToken);
        return Prefixes.Length == 1 ? first : EnterOthersAsync(first, shared, timeout, startedAt, watcher, cancellationToken);
    }

    // in the order of their keys, like everybody, so that no two of this process can wait for each other
    private async ValueTask<bool> EnterOthersAsync(
        ValueTask<bool> first, bool shared, TimeSpan timeout, long startedAt, IAcquisitionWatcher? watcher, CancellationToken cancellationToken)
    {
        int entered = 0;
        bool all = false;
        try
        {
            all = await first.ConfigureAwait(false);
            while (all && ++entered < Prefixes.Length)
            {
                var left = timeout <= TimeSpan.Zero ? timeout : timeout - Time.GetElapsedTime(startedAt);
                left = left < TimeSpan.Zero && timeout > TimeSpan.Zero ? TimeSpan.Zero : left;
                all = false;
                all = await EnterAsync(Prefixes[entered], shared, left, watcher, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            for (int i = 0; !all && i < entered; i++)
            {
                _coordinator.Gates.Exit(Prefixes[i], shared);
            }
        }

        return all;
    }

    private ValueTask<bool> EnterAsync(string prefix, bool shared, TimeSpan timeout, IAcquisitionWatcher? watcher, CancellationToken cancellationToken)
    {
        var entry = _coordinator.Gates.EnterAsync(prefix, shared, timeout, cancellationToken);
        if (!entry.IsCompleted)
        {
            watcher?.OnMustWait();
        }

        return entry;
    }
}
