namespace Conclave.Redis;

/// <summary>What came is no RESP3.</summary>
/// <param name="what">What came.</param>
internal sealed class RespException(string what) : Exception($"The server does not speak RESP3: it sent {what}.")
{
    /// <summary>The byte that began it, where that was the trouble.</summary>
    public byte FirstByte { get; init; }
}

/// <summary>An error reply: <c>CODE what happened</c>.</summary>
/// <param name="message">The reply.</param>
internal sealed class RedisErrorException(string message) : Exception(message)
{
    public string Code => Message.Split(' ', 2)[0];

    /// <summary>
    /// True when the server refuses a command with it before it runs: nothing was applied. A closed list; what a script raises while it runs
    /// names the script and does not count.
    /// </summary>
    public bool ProvesNothingApplied => !Message.Contains("@user_script", StringComparison.Ordinal) && Code is
        "NOSCRIPT" or "LOADING" or "OOM" or "MISCONF" or "READONLY" or "MASTERDOWN" or "NOREPLICAS" or "BUSY"
        or "NOAUTH" or "WRONGPASS" or "NOPERM" or "DENIED" or "MOVED" or "ASK" or "CLUSTERDOWN" or "TRYAGAIN";

    public bool IsAccess => Code is "NOAUTH" or "WRONGPASS" or "NOPERM" or "DENIED";

    /// <summary>True when the server is not the one to talk to any more.</summary>
    public bool IsDemoted => Code is "READONLY" or "MASTERDOWN";
}

/// <summary>A connection ended before the answer came.</summary>
/// <param name="mayBeSent">True when bytes of the command may have left.</param>
/// <param name="cause">Why.</param>
internal sealed class ConnectionLostException(bool mayBeSent, Exception cause) : Exception(cause.Message, cause)
{
    public bool MayBeSent => mayBeSent;
}
