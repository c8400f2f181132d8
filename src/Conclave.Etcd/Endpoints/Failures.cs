using Conclave.Storage;

namespace Conclave.Etcd;

/// <summary>What to do about a call that failed.</summary>
internal enum Remedy
{
    /// <summary>Ask another member, or the same one once it is connected again.</summary>
    AskElsewhere,

    /// <summary>Get a new token and ask again.</summary>
    Authenticate,

    /// <summary>Tell the caller.</summary>
    None,
}

/// <summary>What a failed call proves, and what callers are told about it. The closed list of this engine is here.</summary>
internal static class Failures
{
    /// <summary>
    /// Answers of etcd that are given before a request is proposed to the cluster, or where applying it was refused as a whole: nothing was written,
    /// and another try may succeed. Everything else that answers a writing commit leaves its outcome open; among them "database space exceeded",
    /// which etcd also answers <em>after</em> it applied a request.
    /// </summary>
    private static readonly Dictionary<string, Remedy> NeverApplied = new(StringComparer.Ordinal)
    {
        // the interceptor of calls that require a leader, before the call is handled
        ["etcdserver: no leader"] = Remedy.AskElsewhere,

        // too many entries are committed and not applied yet: checked before proposing
        ["etcdserver: too many requests"] = Remedy.AskElsewhere,

        // raft had no leader to hand the proposal to; it is not in any log
        ["raft proposal dropped"] = Remedy.AskElsewhere,

        // a member that does not serve: checked before the call is handled
        ["etcdserver: not capable"] = Remedy.AskElsewhere,
        ["etcdserver: rpc not supported for learner"] = Remedy.AskElsewhere,

        // the token is unknown to this member, or older than the last change of permissions: refused before, or instead of, applying
        ["etcdserver: invalid auth token"] = Remedy.Authenticate,
        ["etcdserver: revision of auth store is old"] = Remedy.Authenticate,

        // authentication was enabled since: no token was sent
        ["etcdserver: user name is empty"] = Remedy.Authenticate,
    };

    private const string LeaseNotFound = "etcdserver: requested lease not found";
    private const string AuthDisabled = "etcdserver: authentication is not enabled";

    public static Remedy RemedyFor(RpcException e, bool mayRepeat)
    {
        if (e.Failure == RpcFailure.Status)
        {
            return NeverApplied.TryGetValue(e.Message, out var remedy) ? remedy : mayRepeat && IsTransient(e) ? Remedy.AskElsewhere : Remedy.None;
        }

        return !e.WasSent || mayRepeat ? Remedy.AskElsewhere : Remedy.None;
    }

    public static bool IsLeaseNotFound(RpcException e) => e.Message == LeaseNotFound;

    public static bool IsAuthDisabled(RpcException e) => e.Message == AuthDisabled;

    public static SessionExpiredException SessionGone(SessionId session) => new($"The session {session} is gone.");

    /// <summary>What a caller is told.</summary>
    /// <param name="e">The failure.</param>
    /// <param name="isWrite">Whether the call was a writing commit.</param>
    /// <param name="address">Whom we asked.</param>
    public static Exception ToException(RpcException e, bool isWrite, string address)
    {
        switch (e.Failure)
        {
            case RpcFailure.Tls:
                return new StoreAccessException($"etcd at {address} refused the connection: {e.Message}.", e);
            case RpcFailure.NotEtcd:
                return isWrite && e.WasSent ? Unknown(e, address) : new StoreConfigurationException($"No etcd answers at {address}: {e.Message}.", e);
            case RpcFailure.Status:
                return OfStatus(e, isWrite, address);
            default:
                return isWrite && e.WasSent ? Unknown(e, address) : new StoreUnavailableException($"etcd at {address} does not answer: {e.Message}.", e);
        }
    }

    private static ConclaveException OfStatus(RpcException e, bool isWrite, string address)
    {
        if (IsLeaseNotFound(e))
        {
            return new SessionExpiredException("The session of a put is gone.", e);
        }

        return e.Code switch
        {
            RpcCode.PermissionDenied or RpcCode.Unauthenticated => Refused(e, address),
            RpcCode.InvalidArgument when e.Message.Contains("authentication failed", StringComparison.Ordinal)
                || e.Message.Contains("user name is empty", StringComparison.Ordinal) => Refused(e, address),
            RpcCode.FailedPrecondition when e.Message.Contains("auth", StringComparison.Ordinal) => Refused(e, address),

            // checked before anything is proposed: limits that are set lower than the defaults
            RpcCode.InvalidArgument => new StoreConfigurationException(
                $"etcd at {address} refused a request: {e.Message}; --max-txn-ops must be at least 128 and --max-request-bytes at least 1.5 MiB.", e),
            RpcCode.ResourceExhausted when e.Message.Contains("larger than max", StringComparison.Ordinal) => new StoreConfigurationException(
                $"etcd at {address} refused a request: {e.Message}; --max-request-bytes must be at least 1.5 MiB.", e),
            RpcCode.Unimplemented => new StoreConfigurationException($"What answers at {address} is no etcd of version 3.4 or later: {e.Message}.", e),
            _ when NeverApplied.ContainsKey(e.Message) || !isWrite => new StoreUnavailableException($"etcd at {address} answered: {e.Message}.", e),
            _ => Unknown(e, address),
        };
    }

    private static StoreAccessException Refused(RpcException e, string address) =>
        new($"etcd at {address} refused us: {e.Message}; check the user, its password, and its permission on the namespace's prefix.", e);

    private static OutcomeUnknownException Unknown(RpcException e, string address) =>
        new($"A commit was sent to etcd at {address} and not answered: {e.Message}. It may or may not have been applied.", e);

    // what another member, or the same one later, may answer differently
    private static bool IsTransient(RpcException e) =>
        e.Code is RpcCode.Unavailable or RpcCode.DeadlineExceeded or RpcCode.Canceled or RpcCode.Unknown or RpcCode.ResourceExhausted or RpcCode.Internal;
}
