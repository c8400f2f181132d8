namespace Conclave.Redis;

/// <summary>
/// All that the store wants of a Redis client: one ordered, pipelined connection. Ours is <see cref="RespConnection"/>; one on top of another
/// client would hand it the words that a command writes, and the answer back to it.
/// </summary>
internal interface IRedisConnection : IAsyncDisposable
{
    /// <summary>Completes when the connection is of no use any more.</summary>
    Task Broken { get; }

    /// <summary>Sends a command behind all that were sent before.</summary>
    /// <param name="command">The command.</param>
    /// <param name="cancellationToken">Ends the wait for the answer, not the command.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="RedisErrorException">The server answered with an error.</exception>
    /// <exception cref="ConnectionLostException">The connection ended first.</exception>
    Task<T> SendAsync<T>(RedisCommand<T> command, CancellationToken cancellationToken);

    /// <summary>Ends the connection; all that wait for answers are told why.</summary>
    void Break(Exception cause);
}
