using System.Net.Sockets;

namespace Conclave.Timekeeping;

/// <summary>Asks several servers side by side, on the thread that calls: stamps must not wait for a free thread of a pool.</summary>
internal static class NtpRound
{
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);

    // who is near answers within this, so that the next request does not delay the stamp of the answer
    private static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(2);

    /// <summary>Asks.</summary>
    /// <param name="servers">Whom; each must have an address.</param>
    /// <param name="time">The monotonic clock.</param>
    /// <param name="timeout">How long to wait for an answer.</param>
    /// <param name="isStopping">Ends the wait.</param>
    /// <param name="told">Is called with what became of each request, as soon as that is known.</param>
    public static void Ask(IEnumerable<NtpServer> servers, TimeProvider time, TimeSpan timeout, Func<bool> isStopping, Action<NtpServer, NtpReply> told)
    {
        var open = new List<NtpExchange>();
        try
        {
            foreach (var server in servers)
            {
                try
                {
                    open.Add(new(server, server.EndPoint!, time));
                }
                catch (SocketException e)
                {
                    told(server, new(null, 0, 0, $"it cannot be asked ({e.SocketErrorCode})"));
                    continue;
                }

                Collect(open, time, Stagger, isStopping, told, untilAnswered: open[^1]);
            }

            Collect(open, time, timeout, isStopping, told);
            foreach (var exchange in open.Where(_ => !isStopping()))
            {
                told(exchange.Server, exchange.GiveUp());
            }
        }
        finally
        {
            open.ForEach(e => e.Dispose());
        }
    }

    private static void Collect(
        List<NtpExchange> open, TimeProvider time, TimeSpan span, Func<bool> isStopping, Action<NtpServer, NtpReply> told, NtpExchange? untilAnswered = null)
    {
        long start = time.GetTimestamp();
        while (open.Count > 0 && !isStopping() && (untilAnswered is null || open.Contains(untilAnswered)))
        {
            var left = span - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                return;
            }

            var readable = open.Select(e => e.Socket).ToList();
            // a port that nobody listens on is told as an error, and only to who asks for errors
            var failed = open.Select(e => e.Socket).ToList();
            Socket.Select(readable, null, failed, left < Slice ? left : Slice);
            foreach (var exchange in open.Where(e => readable.Contains(e.Socket) || failed.Contains(e.Socket)).ToArray())
            {
                if (exchange.Read() is { } reply)
                {
                    open.Remove(exchange);
                    exchange.Dispose();
                    told(exchange.Server, reply);
                }
            }
        }
    }
}
