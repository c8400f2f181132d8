using System.Runtime.CompilerServices;

namespace Conclave;

/// <summary>Acquire, try, and run, as every tool of the queue offers them.</summary>
/// <param name="queue">The queue.</param>
/// <param name="rule">Who is granted.</param>
/// <param name="what">What it is, for messages.</param>
internal sealed class ClaimSource(ClaimQueue queue, ClaimRule rule, string what)
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Claim> AcquireAsync(CancellationToken cancellationToken) =>
        new((await queue.AcquireAsync(rule, Timeout.InfiniteTimeSpan, cancellationToken: cancellationToken).ConfigureAwait(false))!);

    public async ValueTask<Claim> AcquireAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        await TryAcquireAsync(timeout, cancellationToken).ConfigureAwait(false) ?? throw AcquireTimeout.Exceeded(what, timeout);

    public ValueTask<Claim?> TryAcquireAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        AcquireWithinAsync(AcquireTimeout.Checked(timeout), cancellationToken);

    public async ValueTask RunAsync(Func<Claim, CancellationToken, ValueTask> work, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(work);
        await RunAsync(await AcquireAsync(cancellationToken).ConfigureAwait(false), work, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs work under a claim, and releases it.</summary>
    /// <exception cref="ClaimLostException">The claim was lost while the work ran, and the work stopped for it.</exception>
    public static async ValueTask RunAsync(Claim claim, Func<Claim, CancellationToken, ValueTask> work, CancellationToken cancellationToken)
    {
        await using (claim.ConfigureAwait(false))
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, claim.Lost);
            try
            {
                await work(claim, either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (claim.State == ClaimState.Lost && !cancellationToken.IsCancellationRequested)
            {
                claim.ThrowIfLost();
                throw;
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Claim?> AcquireWithinAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        await queue.AcquireAsync(rule, timeout, cancellationToken: cancellationToken).ConfigureAwait(false) is { } hold ? new Claim(hold) : null;
}
