namespace Conclave.Consul;

/// <summary>How a call failed.</summary>
internal enum AgentFailure
{
    /// <summary>No connection could be made.</summary>
    Unreachable,

    /// <summary>TLS failed: certificates, or one side does not speak it.</summary>
    Tls,

    /// <summary>The connection broke during the call.</summary>
    Interrupted,

    /// <summary>No answer came in time.</summary>
    TimedOut,

    /// <summary>The agent answered with an error.</summary>
    Answer,
}

/// <summary>A call failed. Never leaves the engine: what callers see is made of it by <see cref="Failures"/>.</summary>
internal sealed class AgentException(AgentFailure failure, bool wasSent, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public AgentException(int status, string message)
        : this(AgentFailure.Answer, wasSent: true, message) => Status = status;

    public AgentFailure Failure { get; } = failure;

    /// <summary>Whether the agent may have read the request. False is a proof that it did nothing.</summary>
    public bool WasSent { get; } = wasSent;

    /// <summary>The status of the answer; only for <see cref="AgentFailure.Answer"/>.</summary>
    public int Status { get; }
}
