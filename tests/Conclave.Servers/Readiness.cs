using System.Diagnostics;

namespace Conclave.Servers;

/// <summary>Waits for servers by asking them.</summary>
internal static class Readiness
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest that one question may take: a server that has just started may have lost it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static async Task WaitAsync(Server server, Func<CancellationToken, Task<bool>> probe, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        Exception? last = null;
        while (watch.Elapsed < server.StartTimeout)
        {
            if (!server.IsAlive)
            {
                throw Failed(server, $"ended with {await server.ExitedAsync(cancellationToken)} before it answered", last);
            }

            using var timeout = new CancellationTokenSource(Patience, TimeProvider.System);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            try
            {
                if (await probe(either.Token))
                {
                    return;
                }

                last = null;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                last = e;
            }

            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }

        throw Failed(server, $"did not answer within {server.StartTimeout.TotalSeconds} s ({last?.Message ?? "it said that it is not ready"})", last);
    }

    /// <summary>Starts something on free ports, and again on others if another program was faster.</summary>
    public static async Task<T> StartAsync<T>(Func<T> make, Func<T, Task> start)
        where T : IAsyncDisposable
    {
        for (int attempt = 1; ; attempt++)
        {
            var made = make();
            try
            {
                await start(made);
                return made;
            }
            catch (ServerFailedException e) when (e.IsPortTaken && attempt < 5)
            {
                await made.DisposeAsync();
            }
            catch
            {
                await made.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Does something with all servers at once; the first failure ends it for all.</summary>
    public static async Task AllAsync<T>(IEnumerable<T> servers, Func<T, CancellationToken, Task> action, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> left = [.. servers.Select(s => action(s, either.Token))];
        Task? failed = null;
        while (left.Count > 0)
        {
            var ended = await Task.WhenAny(left);
            left.Remove(ended);
            if (!ended.IsCompletedSuccessfully && failed is null)
            {
                failed = ended;
                await either.CancelAsync();
            }
        }

        await (failed ?? Task.CompletedTask);
    }

    private static ServerFailedException Failed(Server server, string what, Exception? inner)
    {
        string tail = server.LogTail();
        bool isPortTaken = !server.IsAlive && tail.Contains("ddress already in use", StringComparison.Ordinal);
        return new($"{server.Binary.Name} on port {server.Port} {what}. The end of its log:\n{tail}", isPortTaken, inner);
    }
}
