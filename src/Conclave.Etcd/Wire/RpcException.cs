namespace Conclave.Etcd;

/// <summary>How a call failed.</summary>
internal enum RpcFailure
{
    /// <summary>No connection could be made.</summary>
    Unreachable,

    /// <summary>A new connection was needed and the call was not allowed to be its first.</summary>
    NotReady,

    /// <summary>TLS failed: certificates, or one side does not speak it.</summary>
    Tls,

    /// <summary>Whoever answered is no etcd.</summary>
    NotEtcd,

    /// <summary>The connection broke during the call.</summary>
    Interrupted,

    /// <summary>No answer came in time.</summary>
    TimedOut,

    /// <summary>The server answered with an error.</summary>
    Status,
}

/// <summary>The codes of gRPC that are told apart here (grpc.io, "Status codes and their use in gRPC").</summary>
internal enum RpcCode
{
    Ok = 0,
    Canceled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// <summary>A call failed. Never leaves the engine: what callers see is made of it by <see cref="Failures"/>.</summary>
internal sealed class RpcException(RpcFailure failure, bool wasSent, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public RpcException(RpcCode code, string message)
        : this(RpcFailure.Status, wasSent: true, message) => Code = code;

    public RpcFailure Failure { get; } = failure;

    /// <summary>Whether the server may have read the request. False is a proof that it did nothing.</summary>
    public bool WasSent { get; } = wasSent;

    /// <summary>The code of the server's answer; only for <see cref="RpcFailure.Status"/>.</summary>
    public RpcCode Code { get; }
}
