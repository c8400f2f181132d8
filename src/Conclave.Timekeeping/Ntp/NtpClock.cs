using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Conclave.Timekeeping;

/// <summary>
/// A clock that asks several NTP servers in the background, believes what a majority of them can agree on, and knows from that how wrong it may
/// be. It starts to ask when it is made. Steps of this machine's wall clock do not move it: it counts with the monotonic clock.
/// </summary>
/// <remarks>
/// <para>The bound is what is left of the overlap of the servers' intervals (half the delay, root delay and root dispersion each), plus the drift
/// of the monotonic clock since. It holds as long as fewer than a majority of the named servers are wrong beyond their own account, and the
/// monotonic clock keeps to <see cref="NtpClockOptions.Drift"/>. NTP is not authenticated here: who can change packets on the way to a majority of
/// the servers can change the time.</para>
/// <para>Source: RFC 5905. Use at least four servers of different operators (RFC 8633, section 3.2).</para>
/// </remarks>
public sealed partial class NtpClock : SynchronizedClock
{
    private const int StepAfter = 3;

    private readonly NtpClockOptions _options;
    private readonly ImmutableArray<NtpServer> _servers;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;
    private readonly ILogger _logger;
    private readonly ClockTelemetry _telemetry;
    private readonly long _baseStamp;
    private readonly long _baseTicks;
    private readonly TimeSpan _maxWait = TimeSpan.FromMinutes(1);
    private volatile NtpPicture _picture;
    private ClockEstimate? _trusted;
    private int _contradictions;

    /// <summary>Creates a clock and starts to ask.</summary>
    /// <param name="servers">The servers: <c>host</c>, <c>host:port</c>, or an address, of IPv6 in brackets if a port follows. One is allowed, but nobody can outvote it.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <exception cref="ArgumentException">There is no server, or one is written wrongly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public NtpClock(IEnumerable<string> servers, NtpClockOptions? options = null)
        : this(servers, options, Dns.GetHostAddressesAsync)
    {
    }

    internal NtpClock(IEnumerable<string> servers, NtpClockOptions? options, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
        : base(options?.TimeProvider ?? new BootTimeProvider(), recent: true)
    {
        ArgumentNullException.ThrowIfNull(servers);
        _options = options ?? new();
        _resolve = resolve;
        _servers = [.. servers.Select(s => new NtpServer(NtpAddress.Parse(s)))];
        if (_servers.IsEmpty)
        {
            throw new ArgumentException("There must be at least one time server.", nameof(servers));
        }

        _options.Check(_servers.Length);
        (_baseStamp, _baseTicks) = (Estimate.Stamp, Estimate.Ticks);
        _logger = _options.LoggerFactory?.CreateLogger<NtpClock>() ?? NullLogger<NtpClock>.Instance;
        _picture = NtpPicture.Empty(_servers);
        _telemetry = new(this);
        StartPolling();
    }

    /// <inheritdoc/>
    public override ClockStatus GetStatus()
    {
        // one picture, and one look at both clocks, so that all numbers fit together
        var picture = _picture;
        var reading = Read();
        long wall = Time.GetUtcNow().UtcTicks;
        long local = LocalTicks(Time.GetTimestamp());
        var sources = picture.Servers.Select(s => s.Best is not { } best
            ? new ClockSource(s.Name, s.Address, s.Verdict, s.Reason, null, null, null, null, null)
            : new ClockSource(
                s.Name, s.Address, s.Verdict, s.Reason, new(best.Offset + local - wall), new(best.DistanceAt(local, _options.Drift)), new(Math.Max(0, best.Delay)),
                s.Stratum, new(Math.Max(0, local - best.At))));
        TimeSpan? age = picture.ComparedAt is { } at ? new(Math.Max(0, local - at)) : null;
        return new(reading, new(reading.Ticks - wall), age, [.. sources], picture.Explanation);
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await StopPollingAsync().ConfigureAwait(false);
        _telemetry.Dispose();
    }

    /// <summary>The clock's timescale: the monotonic clock, counted from what the wall clock showed at the beginning.</summary>
    private long LocalTicks(long stamp) => _baseTicks + (long)TicksBetween(_baseStamp, stamp);

    /// <summary>What became of one request.</summary>
    private void Told(NtpServer server, NtpReply reply)
    {
        if (reply.Answer is not { } answer)
        {
            server.Failed(SourceVerdict.Silent, reply.Problem!);
        }
        else if (answer.IsKissOfDeath)
        {
            server.Kissed(answer.KissCode);
        }
        else
        {
            var sample = NtpSample.Of(answer, LocalTicks(reply.Sent), LocalTicks(reply.Received), _options.Drift);
            if (NtpCheck.Problem(answer, sample) is { } problem)
            {
                server.Disqualified(problem);
            }
            else if (sample.Distance > _options.MaxDistance.Ticks)
            {
                server.Failed(SourceVerdict.Rejected, $"its time may be wrong by {NtpText.Span(sample.Distance)[1..]}, which is more than MaxDistance allows");
            }
            else
            {
                server.Accepted(answer, sample, _options.Drift);
            }
        }

        if (server.Problem is { } trouble)
        {
            LogProblem(server.Address.Text, trouble.Reason);
        }

        // who waits for a first time does not wait for those who do not answer
        if (Estimate.State == ClockState.Unsynchronized && server.Problem is null)
        {
            Decide();
        }
    }

    /// <summary>Decides what the time is, from what all servers have said so far.</summary>
    private void Decide()
    {
        long stamp = Time.GetTimestamp();
        long now = LocalTicks(stamp);
        NtpServer[] counted = [.. _servers.Where(s => s.SameAs is null)];
        int majority = Math.Min(_options.Majority ?? ((counted.Length / 2) + 1), counted.Length);
        NtpServer[] answering = [.. NtpSmear.Same(counted.Where(s => s.IsAnswering))];
        var claims = answering.Select(s => s.History.Best(now, _options.Drift) is var best
            ? new NtpClaim(best.Offset, best.DistanceAt(now, _options.Drift), s.History.Jitter)
            : default).ToArray();
        var selection = answering.Length >= majority ? NtpSelection.Of(claims, majority) : null;
        var before = Estimate.After(Elapsed(Estimate, stamp)).State;
        TimeSpan? step = null;
        string explanation;
        ClockEstimate estimate;
        if (selection is not null)
        {
            (estimate, step, explanation) = Follow(selection, stamp, now);
            explanation += counted.Length == 1 ? "; it is the only one, so nobody can outvote it" : "";
        }
        else if (claims.Length > 0 && NtpSelection.MostAgreeing(claims) < claims.Length - (counted.Length - majority))
        {
            // more are wrong than may be: then nothing that was said so far can be relied on
            explanation = $"of {claims.Length} servers that answer at most {NtpSelection.MostAgreeing(claims)} agree, and {majority} must";
            estimate = Unbounded(stamp, ClockState.Untrusted);
        }
        else
        {
            explanation = $"{(claims.Length == 0 ? "no" : $"{claims.Length}")} of {counted.Length} servers answer{(claims.Length == 1 ? "s" : "")}"
                + (claims.Length >= majority ? $", but at most {NtpSelection.MostAgreeing(claims)} agree" : "") + $", and {majority} must agree";
            estimate = Estimate.State == ClockState.Synchronized ? Estimate.InHoldover() : Estimate;
        }

        _picture = NtpPicture.Of(_servers, answering, claims, selection, now, selection is null ? _picture.ComparedAt : now, explanation, _options.Drift);
        Set(estimate);
        Wake();
        Announce(before, estimate.After(Elapsed(estimate, stamp)).State, step, explanation);
    }

    /// <summary>Takes the time that a majority agrees on; unless it contradicts what was known, in which case it has to be said again.</summary>
    private (ClockEstimate Estimate, TimeSpan? Step, string Explanation) Follow(NtpSelection selection, long stamp, long now)
    {
        TimeSpan? step = null;
        int used = selection.Verdicts.Count(v => v is SourceVerdict.Used or SourceVerdict.Spare);
        string explanation = $"{used} server{(used == 1 ? "" : "s")} of {_servers.Length} agree{(used == 1 ? "s" : "")}";
        if (_trusted is { } trusted)
        {
            var known = trusted.After(Elapsed(trusted, stamp));
            long difference = now + selection.Offset - known.Ticks;
            if (now + selection.High < known.Ticks - trusted.BelowAfter(Elapsed(trusted, stamp)) || now + selection.Low > known.Ticks + trusted.AboveAfter(Elapsed(trusted, stamp)))
            {
                if (++_contradictions < StepAfter)
                {
                    return (Unbounded(stamp, ClockState.Untrusted), null, $"the servers contradict what they said before, by {NtpText.Span(difference)}; they must say so {StepAfter} times");
                }

                step = new(difference);
                explanation += $"; they moved by {NtpText.Span(difference)}";
            }
        }

        _contradictions = 0;
        _trusted = new()
        {
            Stamp = stamp,
            Ticks = now + selection.Offset,
            Below = selection.Offset - selection.Low,
            Above = selection.High - selection.Offset,
            Drift = _options.Drift,
            State = ClockState.Synchronized,
            HoldoverAfter = HoldoverAfter(Math.Max(selection.Offset - selection.Low, selection.High - selection.Offset)),
        };
        return (_trusted, step, explanation);
    }

    /// <summary>The time goes on as it did, and claims nothing.</summary>
    private ClockEstimate Unbounded(long stamp, ClockState state) => new()
    {
        Stamp = stamp,
        Ticks = Estimate.Ticks + Elapsed(Estimate, stamp),
        State = state,
    };

    private void Announce(ClockState before, ClockState after, TimeSpan? step, string explanation)
    {
        if (before == after && step is null)
        {
            return;
        }

        if (before != after)
        {
            LogState(after, explanation);
        }

        if (step is { } by)
        {
            LogStep(by, explanation);
        }

        try
        {
            Tell(new(before, after, step, explanation));
        }
        catch (Exception e)
        {
            LogHandlerFailed(e);
        }
    }
}
