using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>A contender that waits, wrapped so that awaiting the start of the wait does not await its end.</summary>
internal sealed record Waiting(Task<Claim> Task);

/// <summary>One client of a case, with the store object and the clock that are its own.</summary>
internal sealed class RigClient(ClaimRig rig, InterceptedStore store, ConclaveClient client, ClientClock clock)
{
    public InterceptedStore Store => store;

    public ConclaveClient Client => client;

    public ClientClock Clock => clock;

    public DistributedLock Lock(string name = "x") => client.Lock(name);

    /// <summary>Takes a lock that is free, or becomes free without time passing. The rig releases it if the case does not.</summary>
    public async Task<Claim> AcquireAsync(string name = "x")
    {
        var claim = await rig.SoonAsync(Lock(name).AcquireAsync().AsTask(), $"'{name}' is granted").ConfigureAwait(false);
        rig.Keep(claim);
        return claim;
    }

    /// <summary>Takes a lock that may take its time.</summary>
    public async Task<Claim> AcquireEventuallyAsync(string name = "x")
    {
        var claim = await rig.EventuallyAsync(Lock(name).AcquireAsync().AsTask(), $"'{name}' is granted in the end").ConfigureAwait(false);
        rig.Keep(claim);
        return claim;
    }

    /// <summary>Takes its place in a queue.</summary>
    /// <param name="contenders">How many stand there then, this one included.</param>
    /// <param name="name">The name.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public async Task<Waiting> QueueUpAsync(int contenders, string name = "x", CancellationToken cancellationToken = default)
    {
        var waiting = Lock(name).AcquireAsync(cancellationToken).AsTask();
        await rig.QueuedAsync(contenders, name).ConfigureAwait(false);
        return new(waiting);
    }

    /// <summary>The claim of somebody who waited, without time passing. The rig releases it if the case does not.</summary>
    public async Task<Claim> GrantedAsync(Waiting waiting)
    {
        var claim = await rig.SoonAsync(waiting.Task, "who is next is granted").ConfigureAwait(false);
        rig.Keep(claim);
        return claim;
    }

    /// <summary>The claim of somebody who waited, as soon as time has done what it must.</summary>
    public async Task<Claim> GrantedEventuallyAsync(Waiting waiting)
    {
        var claim = await rig.EventuallyAsync(waiting.Task, "who is next is granted in the end").ConfigureAwait(false);
        rig.Keep(claim);
        return claim;
    }

    /// <summary>Gives a claim up, however long the store takes.</summary>
    public Task<bool> ReleaseAsync(Claim claim) => rig.EventuallyAsync(claim.ReleaseAsync().AsTask(), $"'{claim.Name}' is released");

    /// <summary>Loses the answers of the next commits of a kind, whether or not they were applied.</summary>
    public void LoseAnswers(Func<Transaction, bool> which, bool applied, int times)
    {
        int left = times;
        Store.OnCommit = async (transaction, next) =>
        {
            if (which(transaction) && Interlocked.Decrement(ref left) >= 0)
            {
                _ = applied ? await next().ConfigureAwait(false) : null;
                throw new OutcomeUnknownException("the connection was cut");
            }

            return await next().ConfigureAwait(false);
        };
    }

    /// <summary>Cuts a client that observes off from its store, until the store is reset, and waits until it has noticed: what was under way has ended then.</summary>
    /// <returns>How many calls have failed for it.</returns>
    public async Task<Func<int>> CutOffAsync()
    {
        int failed = 0;
        Store.OnCommit = (_, _) => throw Failure();
        Store.OnWait = (_, _) => throw Failure();
        await rig.UntilAsync(() => Volatile.Read(ref failed) > 0, "who observes notices the outage").ConfigureAwait(false);
        return () => Volatile.Read(ref failed);

        StoreUnavailableException Failure()
        {
            Interlocked.Increment(ref failed);
            return new("cut off");
        }
    }
}
