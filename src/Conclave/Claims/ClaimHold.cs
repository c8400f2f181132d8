using Conclave.Storage;

namespace Conclave;

/// <summary>
/// What stands in the store's queues for a claim that was granted: one key per queue, bound to the session. Usually one claim's; readers of
/// one process share theirs.
/// </summary>
internal sealed class ClaimHold
{
    private readonly ClaimQueue _queue;
    private readonly bool _isShared;
    private int _ownsGates;
    private volatile bool _isEnded;

    public ClaimHold(Coordinator coordinator, Session session, ClaimQueue queue, ClaimRule rule, Entry[] mine, long epoch)
    {
        (Coordinator, Session, _queue, Mine) = (coordinator, session, queue, mine);
        _isShared = rule.Kind == ClaimRuleKind.Shared;
        _ownsGates = rule.Kind is ClaimRuleKind.Exclusive or ClaimRuleKind.Shared ? 1 : 0;
        Token = FencingToken.Create(epoch, mine[0].CreateRevision);
        GrantedAt = coordinator.Time.GetTimestamp();
        session.Attach(this);
    }

    public Coordinator Coordinator { get; }

    public Session Session { get; }

    public string Kind => _queue.Kind;

    public string Name => _queue.Name;

    public FencingToken Token { get; }

    public long GrantedAt { get; }

    /// <summary>The entries as they were last seen.</summary>
    public Entry[] Mine { get; set; }

    /// <summary>
    /// Puts the entry once more, as it is, so that those who wait behind hear that this one waits no longer. Repeating it does no harm, and it
    /// creates nothing: the condition fails when the entry is gone.
    /// </summary>
    public async Task AnnounceAsync()
    {
        var mine = Mine[0];
        var announce = new Transaction([Condition.Unchanged(mine.Key, mine.Revision)], [Write.Put(mine.Key, mine.Value, Session.Id)], [Read.Get(mine.Key)]);
        for (var pause = Backoff.Start; !_isEnded && Session.LossReason is null; pause = Backoff.Next(pause))
        {
            try
            {
                // refused: it was applied before, or the claim was released meanwhile
                var result = await Coordinator.CommitAsync(announce, Coordinator.Stopping).ConfigureAwait(false);
                if (result.Get(0) is { } now)
                {
                    Mine = [now];
                }

                return;
            }
            catch (SessionExpiredException)
            {
                Session.MarkGone();
                return;
            }
            catch (ConclaveException e) when (e.IsTransient)
            {
                await Task.Delay(Backoff.Jitter(pause), Coordinator.Time, Coordinator.Stopping).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Leaves the queues in the store, however long it takes.</summary>
    /// <returns>True when the hold was ours until now.</returns>
    public async Task<bool> LeaveAsync() => Session.LossReason is null && await Coordinator.LeaveAsync(Session, Mine).ConfigureAwait(false);

    /// <summary>Nobody needs the hold any more, whether or not the store has confirmed it: the next one of this process may ask.</summary>
    public void End()
    {
        _isEnded = true;
        Session.Detach(this);
        LeaveGates();
    }

    /// <summary>Others may hold the name now, so the next one of this process may ask for it, whether or not this one is ever released.</summary>
    public void OnSessionLost() => LeaveGates();

    private void LeaveGates()
    {
        if (Interlocked.Exchange(ref _ownsGates, 0) == 1)
        {
            _queue.ExitGates(_isShared);
        }
    }
}
