namespace Conclave.Servers;

/// <summary>
/// A server that several tests share, as a fixture of their class or collection:
/// <c>public sealed class OneEtcd() : SharedServer&lt;EtcdServer&gt;(() =&gt; EtcdServer.StartAsync());</c>
/// It is started by the first test that asks, since xunit skips a test that finds no server, but not one whose fixture does not.
/// </summary>
/// <param name="start">Starts it.</param>
public abstract class SharedServer<T>(Func<Task<T>> start) : IAsyncDisposable
    where T : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private Task<T>? _server;

    /// <summary>The server, which answers.</summary>
    /// <exception cref="ServerMissingException">It is not on this machine.</exception>
    public Task<T> GetAsync()
    {
        lock (_gate)
        {
            return _server ??= StartAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_server is { IsCompletedSuccessfully: true } server)
        {
            await (await server).DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    // what it throws before its first wait is for all who ask too
    private async Task<T> StartAsync() => await start();
}
