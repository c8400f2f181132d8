using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// An election by name: at most one leader at a time among all processes that use the same store, first come first served. The name says what
/// is led; the value says who or where the leader is. Cheap and stateless; make one whenever you need it.
/// </summary>
public sealed class LeaderElection
{
    internal const string Kind = "leader";

    private readonly Coordinator _coordinator;
    private readonly ClaimQueue _queue;

    internal LeaderElection(Coordinator coordinator, string name) =>
        (_coordinator, _queue) = (coordinator, new ClaimQueue(coordinator, Kind, name) { HoldsRules = false });

    /// <summary>The name.</summary>
    public string Name => _queue.Name;

    /// <summary>Waits until the leadership is ours.</summary>
    /// <param name="value">What the candidate tells about itself once it leads, for example its address.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The leadership; dispose it to resign.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public async ValueTask<Leadership> CampaignAsync(ReadOnlyMemory<byte> value = default, CancellationToken cancellationToken = default) =>
        (await CampaignWithinAsync(value, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false))!;

    /// <summary>Waits until the leadership is ours, for a limited time.</summary>
    /// <param name="timeout">How long to wait; zero tries once, <see cref="Timeout.InfiniteTimeSpan"/> waits without limit.</param>
    /// <param name="value">What the candidate tells about itself once it leads.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The leadership; dispose it to resign.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(TimeSpan, CancellationToken)" path="/exception"/>
    public async ValueTask<Leadership> CampaignAsync(TimeSpan timeout, ReadOnlyMemory<byte> value = default, CancellationToken cancellationToken = default) =>
        await TryCampaignAsync(value, timeout, cancellationToken).ConfigureAwait(false) ?? throw AcquireTimeout.Exceeded($"The leadership of '{Name}'", timeout);

    /// <summary>Takes the leadership if it becomes ours in time.</summary>
    /// <param name="value">What the candidate tells about itself once it leads.</param>
    /// <param name="timeout">How long to wait; by default not at all.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The leadership, or null when somebody else leads.</returns>
    /// <inheritdoc cref="DistributedLock.TryAcquireAsync" path="/exception"/>
    public ValueTask<Leadership?> TryCampaignAsync(ReadOnlyMemory<byte> value = default, TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        CampaignWithinAsync(value, AcquireTimeout.Checked(timeout), cancellationToken);

    /// <summary>Reads who leads. Takes no part in the election.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The leader at one instant, or null when there is none.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public async ValueTask<LeaderInfo?> GetLeaderAsync(CancellationToken cancellationToken = default)
    {
        var result = await _queue.ReadAsync(cancellationToken).ConfigureAwait(false);
        return Head(result) is { } head ? await DescribeAsync(head, result, cancellationToken).ConfigureAwait(false) : null;
    }

    /// <summary>
    /// Watches who leads: the present leader at once, then every change of the leader or of its value, in order, and null while there is none.
    /// Leaders that follow each other within the time of a round trip may be seen as one; the last is always delivered. Survives outages.
    /// </summary>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <returns>Leaders in order; it ends only by cancellation or an error that no repetition mends.</returns>
    public async IAsyncEnumerable<LeaderInfo?> ObserveAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        (string? Key, long Revision)? seen = null;
        await foreach (var result in _coordinator.ObserveAsync(_queue, r => Head(r)?.Key ?? _queue.Prefixes[0], cancellationToken).ConfigureAwait(false))
        {
            var head = Head(result);
            if (seen != (head?.Key, head?.Revision ?? 0))
            {
                seen = (head?.Key, head?.Revision ?? 0);
                yield return head is null ? null : await DescribePatientlyAsync(head, result, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Campaigns, leads, and campaigns again after a loss, until the work ends while it leads. When the leadership is lost, the work's token is
    /// cancelled, and it has a while to stop; nobody campaigns before it has. How it stops then makes no difference: it may return or throw, and is
    /// begun again with the next leadership; what it throws beside <see cref="OperationCanceledException"/> and <see cref="ClaimLostException"/> is logged.
    /// Losses that follow each other quickly are followed by longer and longer pauses.
    /// </summary>
    /// <param name="lead">The work of the leader. Its token is cancelled by the caller and by the loss of the leadership.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <param name="cancellationToken">Ends it: the work is cancelled and waited for, and the leadership is resigned.</param>
    /// <returns>When the work has ended while it led, or after the caller cancelled it, and the leadership is resigned.</returns>
    /// <exception cref="TimeoutException">The work did not stop in time after the leadership was lost; it may still be running.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="Exception">What the work threw while it led.</exception>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public Task RunAsync(Func<Leadership, CancellationToken, Task> lead, LeadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(lead);
        options ??= new();
        options.Check();
        return new LeaderLoop(_coordinator, this, lead, options).RunAsync(cancellationToken);
    }

    /// <summary>Reads who leads and who campaigns. Takes no part in the election.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The queue of candidates as it was at one instant.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public ValueTask<ClaimQueueSnapshot> InspectAsync(CancellationToken cancellationToken = default) =>
        QueueInspection.InspectAsync(_coordinator, _queue, cancellationToken);

    private async ValueTask<Leadership?> CampaignWithinAsync(ReadOnlyMemory<byte> value, TimeSpan timeout, CancellationToken cancellationToken)
    {
        // the bytes are the caller's, who may change them once this returns
        byte[] proposal = value.ToArray();
        var hold = await _queue.AcquireAsync(ClaimRule.Exclusive, timeout, proposal, cancellationToken: cancellationToken).ConfigureAwait(false);
        return hold is null ? null : new Leadership(hold);
    }

    private async ValueTask<LeaderInfo> DescribePatientlyAsync(Entry head, CommitResult result, CancellationToken cancellationToken)
    {
        try
        {
            return await DescribeAsync(head, result, cancellationToken).ConfigureAwait(false);
        }
        catch (ConclaveException e) when (e.IsTransient)
        {
            return new(head.Value, new Contender(head.Key, FencingToken.Create(_queue.Epoch(result), head.CreateRevision), head.Session?.Value, null, null, null, null, null, true));
        }
    }

    private async ValueTask<LeaderInfo> DescribeAsync(Entry head, CommitResult result, CancellationToken cancellationToken)
    {
        var snapshot = await QueueInspection.DescribeAsync(_coordinator, _queue, [head], _queue.Epoch(result), cancellationToken).ConfigureAwait(false);
        return new(head.Value, snapshot.Holder!);
    }

    private static Entry? Head(CommitResult result) => result.Reads[0].IsEmpty
        ? null
        : result.Reads[0].Aggregate((head, entry) => Verdict.IsAhead(entry, head) ? entry : head);
}
