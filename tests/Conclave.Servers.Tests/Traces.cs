namespace Conclave.Servers.Tests;

/// <summary>What a server leaves behind: nothing, once it is disposed.</summary>
internal static class Traces
{
    public static async Task DisposeLeavesNothingAsync(Server server)
    {
        // some of them, like the process of a connection that was just closed, may be on their way out
        var processes = ProcessTree.Of(server.ProcessId);
        Assert.Contains(processes, ProcessTree.IsAlive);
        await server.DisposeAsync();
        Assert.DoesNotContain(processes, ProcessTree.IsAlive);
        Assert.False(Directory.Exists(server.Folder));
    }
}
