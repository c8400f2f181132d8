using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Conclave.Timekeeping;

/// <summary>When whom is asked: the loop of the clock's own thread.</summary>
public sealed partial class NtpClock
{
    private readonly ConcurrentQueue<(NtpServer Server, IPAddress[] Addresses, string? Problem)> _resolved = [];

    // of the clock's thread, until it has ended
    private readonly Dictionary<NtpServer, Task> _lookUps = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _wake = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _poll;

    private void StartPolling()
    {
        _poll = _options.MinPoll.Ticks;
        foreach (var server in _servers.Where(s => s.Address.Literal is not null))
        {
            server.Resolved([server.Address.Literal!]);
        }

        FindDuplicates();
        new Thread(Poll) { IsBackground = true, Name = "Conclave NTP" }.Start();
    }

    private async Task StopPollingAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _wake.Set();
        await _ended.Task.ConfigureAwait(false);
        await Task.WhenAll(_lookUps.Values).ConfigureAwait(false);
    }

    private void Poll()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                long now = LocalTicks(Time.GetTimestamp());
                TakeAddresses();
                Array.ForEach([.. _servers.Where(s => s.WantsAddress && s.DueAt <= now)], s => Resolve(s, now));
                NtpServer[] due = [.. _servers.Where(s => s is { EndPoint: not null, SameAs: null, IsDenied: false } && s.DueAt <= now)];
                if (due.Length > 0)
                {
                    Ask(due);
                    continue;
                }

                long next = _servers.Where(s => s is { SameAs: null, IsDenied: false }).Select(s => s.DueAt).DefaultIfEmpty(long.MaxValue).Min();
                Sleep(next - now);
            }
            catch (Exception e)
            {
                // whatever it was: the time goes on, and its bound grows
                LogRoundFailed(e);
                Sleep(_options.BurstInterval.Ticks);
            }
        }

        _ended.SetResult();
    }

    /// <summary>Waits on this thread, which is nobody else's, until the next server is due or there is news.</summary>
    private void Sleep(long ticks)
    {
        var span = TimeSpan.FromTicks(Math.Clamp(ticks, TimeSpan.TicksPerMillisecond, _maxWait.Ticks));
        if (_wake.Wait(span))
        {
            _wake.Reset();
        }
    }

    private void Ask(NtpServer[] due)
    {
        foreach (var server in due)
        {
            server.BurstLeft = server.BurstLeft > 0 ? server.BurstLeft : _options.Burst;
            server.BurstLeft--;
        }

        NtpRound.Ask(due, Time, _options.Timeout, () => _stop.IsCancellationRequested, Told);
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        Decide();
        long now = LocalTicks(Time.GetTimestamp());
        if (Estimate is { IsBounded: true, State: ClockState.Synchronized } estimate)
        {
            _poll = PollFor(Math.Max(estimate.Below, estimate.Above));
        }

        foreach (var server in due)
        {
            server.DueAt = now + Pause(server);
        }
    }

    /// <summary>How long a server is left alone. Not the same for all and always, so that a thousand machines that start together do not ask together for ever.</summary>
    private long Pause(NtpServer server)
    {
        double pause = _poll * (0.9 + (0.2 * Random.Shared.NextDouble()));
        double soon = _options.BurstInterval.Ticks;
        return (long)(server switch
        {
            { Patience: > 1 } => Math.Max(pause, _options.MinPoll.Ticks) * server.Patience,
            { Failures: > 0 } => Math.Min(pause, soon * Math.Pow(2, Math.Min(server.Failures, 20))),
            { BurstLeft: > 0 } => soon,
            _ when _contradictions > 0 => soon,
            _ => pause,
        });
    }

    /// <summary>The longest poll in which the drift adds no more than the error that is there anyway; in seconds a power of two.</summary>
    private long PollFor(long error)
    {
        double seconds = Math.Max(1, error / _options.Drift / TimeSpan.TicksPerSecond);
        long ticks = (long)(Math.Pow(2, Math.Floor(Math.Log2(seconds))) * TimeSpan.TicksPerSecond);
        return Math.Clamp(ticks, _options.MinPoll.Ticks, _options.MaxPoll.Ticks);
    }

    /// <summary>Without news for three polls, the clock is on its own.</summary>
    private long HoldoverAfter(long error) =>
        (3 * PollFor(error)) + (_options.Burst * (_options.BurstInterval.Ticks + _options.Timeout.Ticks)) + TimeSpan.TicksPerSecond;

    private void Resolve(NtpServer server, long now)
    {
        if (_lookUps.GetValueOrDefault(server) is null or { IsCompleted: true })
        {
            // it may take a while, and the thread that stamps must not wait for it
            _lookUps[server] = Task.Run(() => ResolveAsync(server));
        }

        if (server.EndPoint is null)
        {
            server.DueAt = now + Pause(server);
        }
    }

    private async Task ResolveAsync(NtpServer server)
    {
        try
        {
            var addresses = await _resolve(server.Address.Host, _stop.Token).WaitAsync(_stop.Token).ConfigureAwait(false);
            _resolved.Enqueue((server, addresses, addresses.Length == 0 ? "its name has no address" : null));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // nobody asks any more
        }
        catch (Exception e)
        {
            _resolved.Enqueue((server, [], e is SocketException socket ? $"its name cannot be resolved ({socket.SocketErrorCode})" : $"its name cannot be resolved ({e.Message})"));
        }

        _wake.Set();
    }

    private void TakeAddresses()
    {
        bool isNew = false;
        while (_resolved.TryDequeue(out var result))
        {
            isNew = true;
            if (result.Problem is { } problem)
            {
                result.Server.Failed(SourceVerdict.Silent, problem);
                result.Server.DueAt = LocalTicks(Time.GetTimestamp()) + Pause(result.Server);
            }
            else
            {
                bool isFirst = result.Server.EndPoint is null;
                result.Server.Resolved(result.Addresses);
                result.Server.DueAt = isFirst ? 0 : result.Server.DueAt;
            }
        }

        if (isNew)
        {
            FindDuplicates();
            Decide();
        }
    }

    /// <summary>Two names of one server are one voice.</summary>
    private void FindDuplicates()
    {
        var seen = new Dictionary<IPEndPoint, NtpServer>();
        foreach (var server in _servers)
        {
            server.SameAs = server.EndPoint is { } endPoint && !seen.TryAdd(endPoint, server) ? seen[endPoint] : null;
        }
    }
}
