using System.Buffers;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Conclave.Servers;

/// <summary>Moves the bytes of one direction of a connection: one task reads and notes when they came, one decides and writes.</summary>
internal sealed class Pump(Socket from, Socket? to, Lane lane, ProxiedConnection connection)
{
    private const int ChunkSize = 16 * 1024;

    /// <summary>So much waits in the proxy, 4 MiB, before the sender does.</summary>
    private readonly Channel<Chunk> _chunks = Channel.CreateBounded<Chunk>(new BoundedChannelOptions(256) { SingleReader = true, SingleWriter = true });

    /// <summary>Whether the receiver has lost something: nothing can come after it.</summary>
    private bool _hasHole = to is null;

    private Fault? _counted;
    private Stranding? _waitedFor;
    private long _passed;

    public Task RunAsync() => Task.WhenAll(ReadAsync(), WriteAsync());

    private async Task ReadAsync()
    {
        long due = 0;
        while (true)
        {
            byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
            int? read = await ReceiveAsync(buffer);
            if (read > 0)
            {
                lane.Arrived.Add(read.Value);
                lane.Proxy.Show(lane.Direction, buffer.AsSpan(0, read.Value));
            }

            // never before what came earlier, whatever chance says
            due = Math.Max(due, Due(lane.Fault));
            if (!await OfferAsync(new(buffer, read, due)) || read is null or 0)
            {
                _chunks.Writer.TryComplete();
                return;
            }
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            await foreach (var chunk in _chunks.Reader.ReadAllAsync(connection.Ended))
            {
                await PassAsync(chunk);
                ArrayPool<byte>.Shared.Return(chunk.Buffer);
            }
        }
        catch (OperationCanceledException)
        {
            // the connection has ended
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException && connection.Stranding is not null && lane.Direction == Direction.ToClient)
        {
            // what the server answers reaches nobody, and that is no reason to keep from it what is on its way
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // the receiver is gone; the sender is told, unless nothing gets through to it
            await connection.ResetWhenOpenAsync(lane.Proxy.OtherThan(lane));
        }
    }

    private async Task PassAsync(Chunk chunk)
    {
        while (true)
        {
            var fault = lane.Fault;
            if (connection.IsForgotten && chunk.Length is > 0)
            {
                lane.Lost.Add(chunk.Length.Value);
                return;
            }

            if (fault.Passage == Passage.Held)
            {
                await fault.Replaced.WaitAsync(connection.Ended);
            }
            else if (lane.Lose(NoteLoss))
            {
                lane.Lost.Add(chunk.Length ?? 0);
                return;
            }
            else if (_hasHole)
            {
                // dark in this direction no more, but perhaps in the other: then it stays dark
                connection.ResetIfLost();
                return;
            }
            else if (fault.Passage == Passage.Lost)
            {
                // restored at this moment, and nothing was lost yet
            }
            else if (connection.Stranding is { } stranding && stranding != _waitedFor)
            {
                _waitedFor = stranding;
                if (lane.Direction == Direction.ToServer)
                {
                    await Task.Delay(stranding.Late, lane.Time, connection.Ended);
                }
            }
            else if (!await WaitUntilDueAsync(chunk.Due, fault))
            {
                await SendAsync(chunk, fault);
                return;
            }
        }
    }

    private void NoteLoss()
    {
        _hasHole = true;
        connection.NoteLoss();
    }

    /// <returns>Whether it has waited: then all is to be looked at again, the fault and the time, since timers may be early.</returns>
    private async Task<bool> WaitUntilDueAsync(long due, Fault fault)
    {
        if (fault.Delay == TimeSpan.Zero && fault.Jitter == TimeSpan.Zero)
        {
            return false;
        }

        var left = lane.Time.GetElapsedTime(lane.Time.GetTimestamp(), due);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(connection.Ended);
        var delay = Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), lane.Time, enough.Token);
        await Task.WhenAny(delay, fault.Replaced);
        await enough.CancelAsync();
        connection.Ended.ThrowIfCancellationRequested();
        return true;
    }

    private async Task SendAsync(Chunk chunk, Fault fault)
    {
        switch (chunk.Length)
        {
            case null:
                connection.Reset();
                break;
            case 0:
                to!.Shutdown(SocketShutdown.Send);
                break;
            default:
                await SendAsync(chunk.Buffer.AsMemory(0, chunk.Length.Value), fault);
                break;
        }
    }

    private async Task SendAsync(Memory<byte> bytes, Fault fault)
    {
        if (_counted != fault)
        {
            (_counted, _passed) = (fault, 0);
        }

        if (fault.CutAfter is not { } limit || _passed + bytes.Length < limit)
        {
            await SendAllAsync(bytes);
            return;
        }

        int allowed = (int)Math.Max(0, limit - _passed);
        await SendAllAsync(bytes[..allowed]);
        if (fault.TakeCut())
        {
            connection.Reset();
            return;
        }

        await SendAllAsync(bytes[allowed..]);
    }

    private async Task SendAllAsync(Memory<byte> bytes)
    {
        _passed += bytes.Length;
        int length = bytes.Length;
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await to!.SendAsync(bytes, connection.Ended)..];
        }

        lane.Passed.Add(length);
    }

    /// <returns>Null if the sender has reset the connection; 0 if it has closed its side.</returns>
    private async Task<int?> ReceiveAsync(byte[] buffer)
    {
        try
        {
            return await from.ReceiveAsync(buffer.AsMemory(0, ChunkSize), connection.Ended);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <returns>False if the connection has ended.</returns>
    private async Task<bool> OfferAsync(Chunk chunk)
    {
        try
        {
            await _chunks.Writer.WriteAsync(chunk, connection.Ended);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private long Due(Fault fault)
    {
        var wait = fault.Delay + fault.Jitter * Random.Shared.NextDouble();
        return lane.Time.GetTimestamp() + (long)(wait.TotalSeconds * lane.Time.TimestampFrequency);
    }

    /// <summary>Bytes on their way.</summary>
    /// <param name="Buffer">They, in an array of the pool.</param>
    /// <param name="Length">How many; 0 for the end of the stream, null for its reset.</param>
    /// <param name="Due">The time stamp at which they are to go on.</param>
    private readonly record struct Chunk(byte[] Buffer, int? Length, long Due);
}
