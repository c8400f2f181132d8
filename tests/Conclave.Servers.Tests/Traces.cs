namespace Conclave.Servers.Tests;

/// <summary>What a server leaves behind: nothing, once it is disposed.</summary>
internal static class Traces
{
    public static async Task DisposeLeavesNothingAsync(Server server)
    {
        var processes = ProcessTree.Of(server.ProcessId);
        Assert.All(processes, process => Assert.True(ProcessTree.IsAlive(process)));
        await server.DisposeAsync();
        Assert.DoesNotContain(processes, ProcessTree.IsAlive);
        Assert.False(Directory.Exists(server.Folder));
    }
}
