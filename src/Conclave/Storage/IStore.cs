namespace Conclave.Storage;

/// <summary>
/// The narrow waist of Conclave: what an engine has to offer so that every lock, leader and map works on it.
/// Five methods: mini-transactions, change hints, and sessions.
/// </summary>
/// <remarks>
/// <para>All members may be called concurrently. One store object is one namespace of its engine: revisions, sessions and keys are its own.</para>
/// <para>The transactions are the mini-transactions of Aguilera et al., "Sinfonia" (SOSP 2007), in the form that etcd made common.</para>
/// </remarks>
public interface IStore : IAsyncDisposable
{
    /// <summary>What this engine guarantees, as data. Constant during the life of the store; reading it does no I/O.</summary>
    StoreDescription Description { get; }

    /// <summary>
    /// Applies a transaction: if every condition holds, all writes happen at one revision; otherwise none does. Reads are answered either way.
    /// </summary>
    /// <param name="transaction">What to check, write and read.</param>
    /// <param name="cancellationToken">Cancels the wait. A writing commit that may already have been sent ends in
    /// <see cref="OutcomeUnknownException"/>; <see cref="OperationCanceledException"/> proves that nothing was applied.</param>
    /// <returns>Whether it was accepted, the revision of the state that was read, and the answers to the reads.</returns>
    /// <exception cref="SessionExpiredException">A put names a session that is gone. Nothing was written.</exception>
    /// <exception cref="StoreUnavailableException">The store could not be asked. Nothing was written.</exception>
    /// <exception cref="OutcomeUnknownException">The commit may or may not have been applied.</exception>
    /// <exception cref="StoreAccessException">The store refused the credentials.</exception>
    /// <exception cref="StoreConfigurationException">A setting of the store does not fit.</exception>
    /// <exception cref="StoreFormatException">The stored data is newer, foreign or damaged.</exception>
    ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default);

    /// <summary>
    /// Completes soon after anything under a prefix changed past a revision. It is a hint: it may complete for no reason, and does so
    /// after <see cref="StoreDescription.MaxSilence"/> at the latest. Callers always read again.
    /// </summary>
    /// <param name="prefix">The beginning of the keys to watch; the empty string watches all.</param>
    /// <param name="afterRevision">The revision of the caller's last read.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The revision to pass next time. Every change up to it is visible to a read that starts now.</returns>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default);

    /// <summary>Opens a session. Entries put with it vanish when it is closed or expires.</summary>
    /// <param name="timeToLive">How long the session lives without renewal; from 2 seconds to 10 minutes. The engine may raise it.</param>
    /// <param name="cancellationToken">Cancels the call. A session that was opened all the same runs out by itself.</param>
    /// <returns>The new session's id, never used before, and its effective time to live.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time to live is out of range.</exception>
    /// <exception cref="StoreUnavailableException">The store cannot be asked, or refuses sessions for now.</exception>
    ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default);

    /// <summary>Renews a session: it lives for another full time to live from now. Never creates or revives one.</summary>
    /// <param name="session">The session.</param>
    /// <param name="cancellationToken">Cancels the call; an unanswered renewal extends nothing.</param>
    /// <returns>False when the session is gone.</returns>
    /// <exception cref="StoreUnavailableException">The store did not answer.</exception>
    ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default);

    /// <summary>Ends a session and deletes its entries, in one step. Closing a session that is gone does nothing.</summary>
    /// <param name="session">The session.</param>
    /// <param name="cancellationToken">Cancels the call; the session may or may not be closed.</param>
    /// <exception cref="StoreUnavailableException">The store did not answer; the session runs out by itself.</exception>
    ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default);
}
