using System.Runtime.CompilerServices;

namespace Conclave.Redis;

/// <summary>Runs the store's scripts, and repeats what is proven not applied or harmless to repeat.</summary>
internal sealed class Executor(Link link, RedisStoreOptions options)
{
    private const int Attempts = 4;

    // a replica that is well answers within a round trip
    private const string WaitMilliseconds = "1000";

    /// <summary>Runs a script.</summary>
    /// <param name="make">Makes the command for a connection.</param>
    /// <param name="state">What to make it of.</param>
    /// <param name="isWriting">True when it matters whether a command without an answer was applied.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ConclaveException">It failed; the type says what is known.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<T> RunAsync<TState, T>(
        Func<Attachment, TState, RedisCommand<T>> make, TState state, bool isWriting, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        for (int attempt = 1; ; attempt++)
        {
            var attachment = await link.GetAsync(cancellationToken).ConfigureAwait(false);
            var command = make(attachment, state);
            options.OnCommand?.Invoke(command);
            try
            {
                var answer = attachment.Connection.SendAsync(command, cancellationToken);
                return isWriting && options.WaitReplicas > 0
                    ? await ConfirmAsync(attachment.Connection, answer, cancellationToken).ConfigureAwait(false)
                    : await answer.ConfigureAwait(false);
            }
            catch (RedisErrorException e) when (e.Code == "NOSCRIPT" && attempt < Attempts)
            {
                await RepairAsync(Link.LoadScriptsAsync(attachment.Connection, cancellationToken)).ConfigureAwait(false);
            }
            catch (LifeChangedException) when (attempt < Attempts)
            {
                await RepairAsync(link.ReattachAsync(attachment, cancellationToken)).ConfigureAwait(false);
            }
            catch (ConnectionLostException e) when (attempt < Attempts / 2 && (!isWriting || !e.MayBeSent) && e.InnerException is not ObjectDisposedException)
            {
                // harmless to repeat: once, on a connection of its own
            }
            catch (OperationCanceledException e) when (isWriting)
            {
                throw new OutcomeUnknownException("The commit was cancelled after it was sent; it may or may not have been applied.", e);
            }
            catch (ConnectionLostException e) when (e.InnerException is ObjectDisposedException && !(isWriting && e.MayBeSent))
            {
                throw new ObjectDisposedException(nameof(RedisStore));
            }
            catch (Exception e) when (e is RedisErrorException or ConnectionLostException or LifeChangedException or RespException)
            {
                if (e is RedisErrorException { IsDemoted: true })
                {
                    // it is a replica now: look for the master
                    attachment.Connection.Break(e);
                }

                throw Failures.OfCommand(e, isWriting);
            }
        }
    }

    /// <summary>Nothing was applied so far, and nothing is by the repair.</summary>
    private static async Task RepairAsync(Task repair)
    {
        try
        {
            await repair.ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisErrorException or ConnectionLostException)
        {
            throw Failures.OfCommand(e, isWriting: false);
        }
    }

    /// <summary>Asks, right behind the commit and on the same connection, how many replicas have it.</summary>
    private async Task<T> ConfirmAsync<T>(IRedisConnection connection, Task<T> answer, CancellationToken cancellationToken)
    {
        string replicas = options.WaitReplicas.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var confirming = connection.SendAsync(
            new PlainCommand<long>(static (ref RespReader reply) => reply.ReadNumber(), "WAIT", replicas, WaitMilliseconds), cancellationToken);
        var result = await answer.ConfigureAwait(false);
        long confirmed;
        try
        {
            confirmed = await confirming.ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisErrorException or ConnectionLostException)
        {
            throw new OutcomeUnknownException($"The master applied the commit; whether replicas have it is not known: {e.Message}", e);
        }

        return confirmed >= options.WaitReplicas
            ? result
            : throw new OutcomeUnknownException($"The master applied the commit, but {confirmed} of {replicas} replicas confirmed it; a failover now would lose it.");
    }
}
