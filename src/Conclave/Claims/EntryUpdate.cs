using System.Diagnostics.CodeAnalysis;
using Conclave.Storage;

namespace Conclave;

/// <summary>Changes the value of a hold's entry: under the revision that was seen last, so that a put whose answer was lost never undoes a later one.</summary>
/// <param name="claim">The claim.</param>
/// <param name="what">What it is, for messages.</param>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and the claim may be asked after its end.")]
internal sealed class EntryUpdate(Claim claim, string what)
{
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Puts until it is known to have been applied.</summary>
    /// <exception cref="ClaimLostException">The claim is lost or released.</exception>
    /// <exception cref="StoreUnavailableException">The store did not confirm within the operation timeout; the value may have been changed.</exception>
    public async ValueTask PutAsync(byte[] value, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await claim.Hold.Coordinator.RetryAsync(what, () => TryPutAsync(value, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask<bool> TryPutAsync(byte[] value, CancellationToken cancellationToken)
    {
        claim.ThrowIfLost();
        var hold = claim.Hold;
        var mine = hold.Mine[0];
        var put = new Transaction([Condition.Unchanged(mine.Key, mine.Revision)], [Write.Put(mine.Key, value, hold.Session.Id)], [Read.Get(mine.Key)]);
        CommitResult? result = null;
        try
        {
            result = await hold.Coordinator.CommitAsync(put, cancellationToken).ConfigureAwait(false);
        }
        catch (SessionExpiredException)
        {
            // as if the entry were gone, which it is
        }

        if (result?.Get(0) is not { } now)
        {
            hold.Session.MarkGone();
            claim.ThrowIfLost();
            throw new ClaimLostException(claim.Name, claim.Token, "its entry is gone from the store");
        }

        hold.Mine = [now];
        return result.Accepted;
    }
}
