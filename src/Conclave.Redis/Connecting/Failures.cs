using System.Net.Sockets;

namespace Conclave.Redis;

/// <summary>What the failures of the wire mean to callers. No message holds a secret.</summary>
internal static class Failures
{
    /// <summary>A connection that never was, or was not greeted: nothing was applied.</summary>
    public static ConclaveException OfConnecting(Exception failure, string address, RedisStoreOptions options)
    {
        var cause = failure is ConnectionLostException { InnerException: { } inner } ? inner : failure;
        return cause switch
        {
            RedisErrorException { IsAccess: true } e => new StoreAccessException($"The server {address} refused us: {e.Message}", e),
            RedisErrorException { Code: "ERR" } e when e.Message.Contains("HELLO", StringComparison.OrdinalIgnoreCase) =>
                new StoreConfigurationException($"The server {address} does not know RESP3 ({e.Message}); Redis 7 or Valkey 8 is needed.", e),
            RedisErrorException { Code: "ERR" } e when e.Message.Contains("DB index", StringComparison.OrdinalIgnoreCase) =>
                new StoreConfigurationException($"The server {address} has no database {options.Database}: {e.Message}", e),
            RedisErrorException { Code: "ERR" } e when !e.Message.Contains("max number of clients", StringComparison.Ordinal) =>
                new StoreConfigurationException($"The server {address} cannot be used: {e.Message}", e),
            RespException { FirstByte: 0x15 or 0x16 } e when !options.UseTls => new StoreAccessException($"The server {address} speaks TLS; write 'rediss://'.", e),
            RespException e => new StoreConfigurationException($"What answers at {address} is no Redis server. {e.Message}", e),
            SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData } e =>
                new StoreUnavailableException($"The server {address} cannot be found: {e.Message}.", e),
            OperationCanceledException or TimeoutException => new StoreUnavailableException(
                $"The server {address} did not answer within {options.ConnectTimeout.TotalSeconds:0.###} s.", cause),
            IOException when failure is ConnectionLostException && !options.UseTls => new StoreUnavailableException(
                $"The server {address} closed the connection: {cause.Message} Is it a port with TLS ('rediss://')?", cause),
            _ => new StoreUnavailableException($"The server {address} cannot be reached: {cause.Message}", cause),
        };
    }

    /// <summary>A command that failed on a connection that was good.</summary>
    /// <param name="failure">How.</param>
    /// <param name="isWriting">True when it matters whether it was applied.</param>
    public static ConclaveException OfCommand(Exception failure, bool isWriting) => failure switch
    {
        ConclaveException e => e,
        LifeChangedException => new StoreUnavailableException("The namespace in Redis changes again and again; nothing was applied.", failure),
        RedisErrorException { IsAccess: true, ProvesNothingApplied: true } e => new StoreAccessException($"Redis refused the command: {e.Message}", e),
        RedisErrorException { ProvesNothingApplied: true } e => new StoreUnavailableException($"Redis refused the command: {e.Message}", e),
        ConnectionLostException { MayBeSent: false } e => new StoreUnavailableException($"The connection to Redis was lost before the command left: {e.Message}", e),
        _ when isWriting => new OutcomeUnknownException($"The commit may or may not have been applied: {failure.Message}", failure),
        RedisErrorException { IsAccess: true } e => new StoreAccessException($"Redis refused the command: {e.Message}", e),
        _ => new StoreUnavailableException($"Redis did not answer: {failure.Message}", failure),
    };
}
