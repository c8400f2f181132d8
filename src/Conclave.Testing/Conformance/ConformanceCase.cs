namespace Conclave.Testing;

/// <summary>One case of the kit.</summary>
/// <param name="Name">Its name, a sentence.</param>
/// <param name="Contract">The line of the contract it checks.</param>
/// <param name="Run">The case itself; it throws what it sees.</param>
public sealed record ConformanceCase(string Name, string Contract, Func<StoreHarness, Task> Run)
{
    /// <summary>Runs the case.</summary>
    /// <param name="harness">A harness of its own; the caller disposes it.</param>
    /// <exception cref="ConformanceException">The store breaks the contract; the message names the line.</exception>
    public async Task RunAsync(StoreHarness harness)
    {
        ArgumentNullException.ThrowIfNull(harness);
        try
        {
            await Run(harness).ConfigureAwait(false);
            await harness.CloseStoresAsync().ConfigureAwait(false);
            await harness.UntilAsync(() => new(harness.Time.ArmedTimers == 0), "no timer is armed once every store is disposed").ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw new ConformanceException(this, e);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
