using System.Net.Sockets;

namespace Conclave.Servers;

/// <summary>A connection through the proxy: one to the client, one to the server, and a pump for each direction.</summary>
internal sealed class ProxiedConnection(Socket client, Lane toServer, Lane toClient) : IDisposable
{
    private readonly CancellationTokenSource _ended = new();
    private readonly Socket _server = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private volatile bool _hasLost;
    private volatile Stranding? _stranding;
    private volatile bool _isForgotten;
    private int _isEnding;

    public CancellationToken Ended => _ended.Token;

    /// <summary>A hole is in what one side got.</summary>
    public void NoteLoss() => _hasLost = true;

    public async Task RunAsync(string host, int port)
    {
        try
        {
            client.NoDelay = true;
            if (toServer.Lose(NoteLoss))
            {
                // it did not even reach the server; what the client says is lost too, until the reset
                await new Pump(client, null, toServer, this).RunAsync();
                await EndedAsync();
                return;
            }

            await _server.ConnectAsync(host, port, Ended);
            await Task.WhenAll(new Pump(client, _server, toServer, this).RunAsync(), new Pump(_server, client, toClient, this).RunAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // the server refuses: the client is told as if it had been reset, the closest to a refusal that is left
            await ResetWhenOpenAsync(toClient);
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>How what the client has sent is still to reach the server, although the client is gone; null for a connection that is whole.</summary>
    public Stranding? Stranding => _stranding;

    /// <summary>Whether nothing of it gets through any more, and nobody is told.</summary>
    public bool IsForgotten => _isForgotten;

    /// <summary>From now on nothing of it gets through, and nobody is told.</summary>
    public void Forget() => _isForgotten = true;

    /// <summary>Ends the connection with RST.</summary>
    public void Reset() => End(reset: true);

    /// <summary>Ends the client's end with RST; the server goes on to hear what is on its way, and only then that it was the last.</summary>
    public void Strand(TimeSpan late)
    {
        if (_stranding is null && !Ended.IsCancellationRequested)
        {
            _stranding = new(late);
            PrepareToEnd(client, reset: true);
            client.Dispose();
        }
    }

    /// <summary>Ends the connection with RST, when the way to who is to see it is open.</summary>
    public async Task ResetWhenOpenAsync(Lane lane)
    {
        while (lane.Fault is { Passage: not Passage.Open } fault && !Ended.IsCancellationRequested)
        {
            await Task.WhenAny(fault.Replaced, EndedAsync());
        }

        Reset();
    }

    /// <summary>Resets a connection with a hole, once nothing is lost any more.</summary>
    public void ResetIfLost()
    {
        if (_hasLost && toServer.Fault.Passage != Passage.Lost && toClient.Fault.Passage != Passage.Lost)
        {
            Reset();
        }
    }

    /// <summary>Ends the connection with FIN.</summary>
    public void Close() => End(reset: false);

    public void Dispose() => Close();

    /// <summary>The first who ends a connection says how.</summary>
    private void End(bool reset)
    {
        if (Interlocked.Exchange(ref _isEnding, 1) != 0)
        {
            return;
        }

        foreach (var socket in new[] { client, _server })
        {
            PrepareToEnd(socket, reset);
        }

        // before the sockets go: .NET resets a socket that is disposed while somebody reads
        _ended.Cancel();
        client.Dispose();
        _server.Dispose();
    }

    private static void PrepareToEnd(Socket socket, bool reset)
    {
        try
        {
            if (reset)
            {
                socket.LingerState = new(true, 0);
            }
            else
            {
                socket.Shutdown(SocketShutdown.Both);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // it was never connected, or its other end has reset it already, or it is stranded
        }
    }

    private async Task EndedAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = Ended.Register(() => ended.TrySetResult());
        await ended.Task;
    }
}

/// <summary>What the client of a connection has sent gets through although the client is gone.</summary>
/// <param name="Late">How much later.</param>
internal sealed record Stranding(TimeSpan Late);
