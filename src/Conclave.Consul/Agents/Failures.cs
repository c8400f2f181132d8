using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>What a failed call proves, and what callers are told about it. The closed list of this engine is here.</summary>
internal static class Failures
{
    /// <summary>
    /// Ends of answers with status 500 that are given before a request is in the log of Consul's leader: nothing was written, and another try may
    /// succeed. Everything else with a status of 5xx leaves the outcome of a writing commit open; among them "leadership lost while committing log"
    /// and "raft is already shutdown", which say that the entry is in a log, and "EOF" and "i/o timeout" between servers.
    /// </summary>
    private static readonly string[] NeverApplied =
    [
        // no server leads, or the one that was asked to is none any more: it had not handed the request to raft
        "No cluster leader",

        // raft's own refusal, before it appends
        "node is not the leader",

        // raft's queue was full for all of the time that it may be
        "timed out enqueuing operation",

        // the agent has just started, or knows no server of its datacenter
        "No known Consul servers",
    ];

    /// <summary>Whether another agent should be asked.</summary>
    public static bool AskElsewhere(AgentException e, bool mayRepeat) => e.Failure == AgentFailure.Answer
        ? WasNeverApplied(e) || (mayRepeat && e.Status >= 500 && !IsForGood(e))
        : !e.WasSent || mayRepeat;

    public static SessionExpiredException SessionGone(string session) => new($"The session {session} is gone.");

    /// <summary>What a caller is told.</summary>
    /// <param name="e">The failure.</param>
    /// <param name="isWrite">Whether the call was a writing commit.</param>
    /// <param name="address">Whom we asked.</param>
    public static ConclaveException ToException(AgentException e, bool isWrite, string address) => e.Failure switch
    {
        AgentFailure.Tls => new StoreAccessException($"Consul at {address} refused the connection: {e.Message}.", e),
        AgentFailure.Answer => OfAnswer(e, isWrite, address),
        _ when isWrite && e.WasSent => Unknown(e, address),
        _ => new StoreUnavailableException($"Consul at {address} does not answer: {e.Message}.", e),
    };

    private static ConclaveException OfAnswer(AgentException e, bool isWrite, string address) => e.Status switch
    {
        401 or 403 => Refused(e.Message, address, e),
        413 => new StoreConfigurationException($"Consul at {address} refused a request: {e.Message}; txn_max_req_len must be at least 524288.", e),
        500 when IsForGood(e) => new StoreConfigurationException($"Consul at {address} answered: {e.Message}; check dc and minttl.", e),

        // Go's own answer to who forgets TLS
        400 when e.Message.Contains("HTTPS server", StringComparison.Ordinal) => new StoreAccessException($"The server at {address} speaks TLS: add tls=true.", e),
        < 500 and not 429 => new StoreConfigurationException($"What answers at {address} is no Consul of version 1.8 or later: {e.Message}.", e),
        _ when WasNeverApplied(e) || !isWrite => new StoreUnavailableException($"Consul at {address} answered: {e.Message}.", e),
        _ => Unknown(e, address),
    };

    public static StoreAccessException Refused(string message, string address, Exception? e = null) =>
        new($"Consul at {address} refused us: {message}; check the token, and that it may write the keys of the namespace and sessions.", e);

    // 429 comes from limits of the agent (connections of a client, requests of a second), before a request is looked at
    private static bool WasNeverApplied(AgentException e) =>
        e.Status == 429 || (e.Status == 500 && NeverApplied.Any(known => e.Message.EndsWith(known, StringComparison.Ordinal)));

    // said before anything is proposed, and by every agent
    private static bool IsForGood(AgentException e) =>
        e.Message.EndsWith("No path to datacenter", StringComparison.Ordinal) || e.Message.Contains("Invalid Session TTL", StringComparison.Ordinal);

    private static OutcomeUnknownException Unknown(AgentException e, string address) =>
        new($"A commit was sent to Consul at {address} and not answered: {e.Message}. It may or may not have been applied.", e);
}
