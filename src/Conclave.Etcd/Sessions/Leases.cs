using System.Collections.Concurrent;
using System.Globalization;
using Conclave.Etcd.Messages;
using Conclave.Storage;

namespace Conclave.Etcd;

/// <summary>Sessions are leases. A session's id is the lease's, in lower-case hexadecimal, as etcd's own tools write it.</summary>
internal sealed class Leases(Cluster cluster, TimeProvider time)
{
    private static readonly TimeSpan LongestHedge = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnknownHedge = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<long, TimeSpan> _opened = new();

    /// <summary>The session of a lease.</summary>
    public static SessionId ToSession(long lease) => new(lease.ToString("x", CultureInfo.InvariantCulture));

    /// <summary>The lease of a session, or null when etcd cannot have made it.</summary>
    public static long? Parse(SessionId session) =>
        session.Value is { Length: > 0 and <= 16 } text
        && long.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long lease)
        && lease > 0 && ToSession(lease).Value == text
            ? lease
            : null;

    public async ValueTask<SessionGrant> OpenAsync(TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        // a lease whose answer was lost runs out by itself, so asking again does no harm
        var request = new LeaseGrantRequest { Ttl = (long)Math.Ceiling(timeToLive.TotalSeconds) };
        var grant = await cluster.CallAsync(EtcdApi.LeaseGrant, request, static r => r.Header, mayRepeat: true, cancellationToken).ConfigureAwait(false);
        var effective = TimeSpan.FromSeconds(grant.Ttl);
        _opened[grant.Id] = effective;
        return new(ToSession(grant.Id), effective);
    }

    public async ValueTask<bool> RenewAsync(SessionId session, CancellationToken cancellationToken)
    {
        if (Parse(session) is not { } lease)
        {
            return false;
        }

        // "Not found" costs the caller everything it holds, and on older servers a leader that has yet to apply the grant says it as well: ask again.
        bool alive = await RenewOnceAsync(lease, cancellationToken).ConfigureAwait(false)
            || await RenewOnceAsync(lease, cancellationToken).ConfigureAwait(false);
        if (!alive)
        {
            _opened.TryRemove(lease, out _);
        }

        return alive;
    }

    public async ValueTask CloseAsync(SessionId session, CancellationToken cancellationToken)
    {
        if (Parse(session) is not { } lease)
        {
            return;
        }

        try
        {
            await cluster.CallAsync(
                EtcdApi.LeaseRevoke, new LeaseRevokeRequest { Id = lease }, static r => r.Header, mayRepeat: true, cancellationToken).ConfigureAwait(false);
        }
        catch (SessionExpiredException)
        {
            // it is gone, as it should be
        }

        _opened.TryRemove(lease, out _);
    }

    /// <summary>
    /// Asks member after member, the next one already while one is slow, and takes the first answer: a follower passes renewals on to the leader it
    /// knows, and hangs with it, while another one knows the new leader already.
    /// </summary>
    private async ValueTask<bool> RenewOnceAsync(long lease, CancellationToken cancellationToken)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var waiting = new Queue<Endpoint>(cluster.FromPreferred());
        var asked = new Dictionary<Task<LeaseKeepAliveResponse>, Endpoint>();
        try
        {
            while (true)
            {
                if (waiting.TryDequeue(out var next))
                {
                    asked.Add(AskAsync(next, lease, done.Token), next);
                }

                using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                var pause = Task.Delay(waiting.Count > 0 ? HedgeFor(lease) : Timeout.InfiniteTimeSpan, time, stop.Token);
                var first = await Task.WhenAny([.. asked.Keys, pause]).ConfigureAwait(false);
                await stop.CancelAsync().ConfigureAwait(false);
                if (first is not Task<LeaseKeepAliveResponse> answer || !asked.Remove(answer, out var endpoint))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    continue;
                }

                try
                {
                    bool alive = (await answer.ConfigureAwait(false)).Ttl > 0;
                    if (asked.Count > 0)
                    {
                        cluster.Prefer(endpoint);
                    }

                    return alive;
                }
                catch (Exception) when (cancellationToken.IsCancellationRequested)
                {
                    cluster.Leave(endpoint);
                    throw new OperationCanceledException(cancellationToken);
                }
                catch (RpcException e) when (waiting.Count == 0 && asked.Count == 0)
                {
                    throw Failures.ToException(e, isWrite: false, cluster.Address);
                }
                catch (Exception e) when (e is RpcException || (e is ConclaveException && (waiting.Count > 0 || asked.Count > 0)))
                {
                    // the others may still answer
                }
            }
        }
        finally
        {
            // a caller in a hurry ends the call before a member's own timeout does; the next renewal shall begin elsewhere all the same
            foreach (var endpoint in asked.Values)
            {
                cluster.Leave(endpoint);
            }

            await done.CancelAsync().ConfigureAwait(false);
            await ((Task)Task.WhenAll(asked.Keys)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<LeaseKeepAliveResponse> AskAsync(Endpoint endpoint, long lease, CancellationToken cancellationToken)
    {
        var request = new LeaseKeepAliveRequest { Id = lease };
        for (int repairs = 0; ; repairs++)
        {
            try
            {
                return await cluster.AskAsync(endpoint, EtcdApi.LeaseKeepAlive, request, static r => r.Header, cancellationToken).ConfigureAwait(false);
            }
            catch (RpcException e) when (repairs < 2
                && (e.Failure == RpcFailure.NotReady || Failures.RemedyFor(e, mayRepeat: true) == Remedy.Authenticate))
            {
                // connected, or a member of the cluster, again: the same member once more
            }
        }
    }

    // a caller gives a sixth of the time to live to one attempt: three members fit in
    private TimeSpan HedgeFor(long lease)
    {
        var hedge = _opened.TryGetValue(lease, out var timeToLive) ? timeToLive / 18 : UnknownHedge;
        return hedge < LongestHedge ? hedge : LongestHedge;
    }
}
