using Conclave.Storage;

namespace Conclave.Ownership;

/// <summary>
/// Keys that usually have one owner at a time. This is not a lock: an owner that is slow, or cut off from the store, may be followed by another
/// while it still works. It needs no session, and suits work that is safe to do twice but wasteful, where one of several must fail in the end
/// anyway, such as a loop of get and compare-and-set. Cheap and stateless; make one whenever you need it.
/// </summary>
/// <remarks>
/// Source: MostlyCorrectOwner of lakeFS (treeverse/lakeFS, pkg/distributed). The record has the same bytes, so both can share a key of a store;
/// who waits, how it is handed over, and how a dead owner is told from a slow one are ours.
/// </remarks>
public sealed class MostlyCorrectOwner
{
    private readonly Coordinator _coordinator;
    private readonly OwnerOptions _options;

    internal MostlyCorrectOwner(Coordinator coordinator, string prefix, OwnerOptions options)
    {
        _ = StoreNames.Escape(prefix);
        options.Check();
        (_coordinator, _options, Prefix) = (coordinator, options, prefix);
    }

    /// <summary>What the keys have in common.</summary>
    public string Prefix { get; }

    /// <summary>Waits until the key is ours, behind all who asked before.</summary>
    /// <param name="key">The key: 1 to 256 UTF-8 bytes without control characters.</param>
    /// <param name="owner">Who we are, for people who look at the record: 1 to 256 UTF-8 bytes. It need not be unique.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing of it stays in the store.</param>
    /// <returns>The ownership; dispose it to give the key up.</returns>
    /// <exception cref="ArgumentException">The key or the owner is empty, too long or not well-formed.</exception>
    /// <exception cref="StoreUnavailableException">The store could not be reached within the operation timeout.</exception>
    /// <exception cref="StoreFormatException">What is stored under the key is no record of an owner.</exception>
    public async ValueTask<Ownership> OwnAsync(string key, string owner, CancellationToken cancellationToken = default) =>
        (await OwnWithinAsync(key, owner, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false))!;

    /// <summary>Waits until the key is ours, for so long at most.</summary>
    /// <param name="key">The key.</param>
    /// <param name="owner">Who we are.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="TimeoutException">The key did not become ours in time.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The timeout is negative.</exception>
    /// <inheritdoc cref="OwnAsync(string, string, CancellationToken)"/>
    public async ValueTask<Ownership> OwnAsync(string key, string owner, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        await TryOwnAsync(key, owner, timeout, cancellationToken).ConfigureAwait(false) ?? throw AcquireTimeout.Exceeded($"The ownership of '{key}'", timeout);

    /// <summary>Waits until the key is ours, for so long at most.</summary>
    /// <param name="key">The key.</param>
    /// <param name="owner">Who we are.</param>
    /// <param name="timeout">How long to wait; by default not at all. Who does not wait never learns that an owner has crashed.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The ownership, or null when the key did not become ours in time.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The timeout is negative.</exception>
    /// <inheritdoc cref="OwnAsync(string, string, CancellationToken)"/>
    public ValueTask<Ownership?> TryOwnAsync(string key, string owner, TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        OwnWithinAsync(key, owner, AcquireTimeout.Checked(timeout), cancellationToken);

    /// <summary>Reads who owns a key and who waits for it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The owner, as far as the record tells; it may have crashed since.</returns>
    /// <exception cref="ArgumentException">The key is empty, too long or not well-formed.</exception>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    /// <exception cref="StoreFormatException">What is stored under the key is no record of an owner.</exception>
    public async ValueTask<OwnershipSnapshot> InspectAsync(string key, CancellationToken cancellationToken = default)
    {
        var keys = new OwnerKeys(Prefix, key);
        var seen = await Owners.Of(_coordinator).CommitAsync(keys, keys.ReadAll, cancellationToken).ConfigureAwait(false);
        var waiters = seen.Waiters.Select(w => OwnerRecord.TryParse(w.Value)?.Owner).OfType<string>();
        return new(key, seen.IsFree ? null : seen.Record!.Owner, seen.IsFree ? null : seen.Record!.Expires, [.. waiters]);
    }

    private async ValueTask<Ownership?> OwnWithinAsync(string key, string owner, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var keys = new OwnerKeys(Prefix, key);
        ArgumentException.ThrowIfNullOrEmpty(owner);
        _ = StoreLimits.CheckText(owner, "owner", StoreLimits.MaxNameBytes);
        var owners = Owners.Of(_coordinator);
        using var activity = _coordinator.Telemetry.StartAcquire(OwnerKeys.Kind);
        long startedAt = _coordinator.Time.GetTimestamp();
        var (isMine, passed) = await owners.Turns.EnterAsync(keys.Base, timeout, cancellationToken, _coordinator.Stopping).ConfigureAwait(false);
        if (!isMine)
        {
            return null;
        }

        if (passed is not null)
        {
            if (passed.IsLive())
            {
                _coordinator.Telemetry.Granted(OwnerKeys.Kind, _coordinator.Time.GetElapsedTime(startedAt), null, 0);
                return new(passed, owner);
            }

            _ = passed.ReleaseAsync();
        }

        return await ContendAsync(owners, keys, owner, timeout, startedAt, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<Ownership?> ContendAsync(Owners owners, OwnerKeys keys, string owner, TimeSpan timeout, long startedAt, CancellationToken cancellationToken)
    {
        Hold? hold = null;
        bool endsTurn = true;
        var run = new Contender(owners, keys, _options, owner).RunAsync(timeout, startedAt, cancellationToken);
        try
        {
            if (!run.IsCompleted)
            {
                _coordinator.Track(EndOf(run));
            }

            hold = await run.WaitAsync(cancellationToken).ConfigureAwait(false);
            return hold is null ? null : new(hold, owner);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // the store may take its time; the turn is over when nothing of ours is there any more
            endsTurn = false;
            _coordinator.Track(UndoAsync(owners, keys, run));
            throw;
        }
        finally
        {
            if (hold is null && endsTurn)
            {
                owners.Turns.Exit(keys.Base);
            }
        }
    }

    private static async Task UndoAsync(Owners owners, OwnerKeys keys, Task<Hold?> run)
    {
        await EndOf(run).ConfigureAwait(false);
        if (run.IsCompletedSuccessfully && await run.ConfigureAwait(false) is { } hold)
        {
            await hold.ReleaseAsync().ConfigureAwait(false);
        }

        owners.Turns.Exit(keys.Base);
    }

    /// <summary>The end of a run, whose failure its caller is told.</summary>
    private static async Task EndOf(Task run) => await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
