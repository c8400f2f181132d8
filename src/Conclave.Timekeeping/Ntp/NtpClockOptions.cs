using Microsoft.Extensions.Logging;

namespace Conclave.Timekeeping;

/// <summary>The settings of an <see cref="NtpClock"/>.</summary>
public sealed record NtpClockOptions
{
    /// <summary>How many servers must agree before their time is believed.</summary>
    /// <value>A majority of those that are named; from 1 up to their number. With fewer than a majority, liars may win while others are silent.</value>
    public int? Majority { get; init; }

    /// <summary>The least time between two polls of a server, once the clock is synchronized.</summary>
    /// <value>64 seconds; from 1 second up to <see cref="MaxPoll"/>. Public servers may refuse those who ask more often.</value>
    public TimeSpan MinPoll { get; init; } = TimeSpan.FromSeconds(64);

    /// <summary>The longest time between two polls of a server.</summary>
    /// <value>1,024 seconds; up to 1 day. In between, the clock polls as often as it takes to keep the drift from doubling the error.</value>
    public TimeSpan MaxPoll { get; init; } = TimeSpan.FromSeconds(1024);

    /// <summary>How many requests a poll consists of, of which the answer that was disturbed least counts.</summary>
    /// <value>4; from 1 to 8.</value>
    public int Burst { get; init; } = 4;

    /// <summary>The time between the requests of one poll, and the first pause before a server that did not answer is asked again.</summary>
    /// <value>2 seconds, which public servers allow; from 1 millisecond to 1 minute. The first answer counts at once.</value>
    public TimeSpan BurstInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer is waited for.</summary>
    /// <value>1 second; from 1 millisecond to 1 minute.</value>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What the monotonic clock of this machine may gain or lose, as a share of the time: the bound grows by this while nobody answers.</summary>
    /// <value>0.00005 (50 ppm: 4.3 seconds a day); from 0.000001 to 0.01. A daemon that slews this machine's clock must slew it by less.</value>
    public double Drift { get; init; } = 50e-6;

    /// <summary>A server whose time may be further from the truth than this, by its own account and the round trip, is not used.</summary>
    /// <value>1.5 seconds, as RFC 5905 has it; from 1 microsecond to 1 hour.</value>
    public TimeSpan MaxDistance { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>The monotonic clock that everything is measured by.</summary>
    /// <value>Null: that of the system, which counts suspend where it can.</value>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>Where to log.</summary>
    /// <value>Null: nowhere.</value>
    public ILoggerFactory? LoggerFactory { get; init; }

    internal void Check(int servers)
    {
        if (Majority is { } majority && (majority < 1 || majority > servers))
        {
            throw new ArgumentOutOfRangeException(nameof(Majority), majority, $"{nameof(Majority)} must be from 1 to the number of servers ({servers}).");
        }

        CheckSpan(nameof(MinPoll), MinPoll, TimeSpan.FromSeconds(1), MaxPoll);
        CheckSpan(nameof(MaxPoll), MaxPoll, MinPoll, TimeSpan.FromDays(1));
        CheckSpan(nameof(BurstInterval), BurstInterval, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        CheckSpan(nameof(Timeout), Timeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        CheckSpan(nameof(MaxDistance), MaxDistance, TimeSpan.FromMicroseconds(1), TimeSpan.FromHours(1));
        if (Burst is < 1 or > 8)
        {
            throw new ArgumentOutOfRangeException(nameof(Burst), Burst, $"{nameof(Burst)} must be from 1 to 8.");
        }

        if (Drift is not (>= 1e-6 and <= 0.01))
        {
            throw new ArgumentOutOfRangeException(nameof(Drift), Drift, $"{nameof(Drift)} must be from 0.000001 to 0.01 (50 ppm is 0.00005).");
        }
    }

    private static void CheckSpan(string option, TimeSpan value, TimeSpan least, TimeSpan most)
    {
        if (value < least || value > most)
        {
            throw new ArgumentOutOfRangeException(option, value, $"{option} must be from {least} to {most}.");
        }
    }
}
