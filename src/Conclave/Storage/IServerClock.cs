namespace Conclave.Storage;

/// <summary>
/// A store whose server tells its wall clock. For people who look for trouble: nothing in Conclave decides by it.
/// </summary>
public interface IServerClock
{
    /// <summary>Asks the server for the time.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The server's wall clock, as exactly as the engine tells it, and that exactness.</returns>
    /// <exception cref="Conclave.StoreUnavailableException">The server did not answer.</exception>
    ValueTask<(DateTimeOffset Time, TimeSpan Resolution)> GetServerTimeAsync(CancellationToken cancellationToken = default);
}
