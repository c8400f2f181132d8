namespace Conclave.Servers.Tests;

public sealed class ChronyTests
{
    [Fact]
    public async Task Serves_time_restarts_and_leaves_nothing()
    {
        await using var server = await ChronyServer.StartAsync();
        await server.RestartAsync();
        await server.RestartWithoutDataAsync();
        await Traces.DisposeLeavesNothingAsync(server);
    }
}
