using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave;

/// <summary>The settings of a <see cref="ConclaveClient"/>. All have defaults that are right for most.</summary>
public sealed record ConclaveOptions
{
    /// <summary>How long the session, and with it every claim, outlives a crash of this process. The engine may raise it.</summary>
    /// <value>15 seconds; from 2 seconds to 10 minutes.</value>
    public TimeSpan SessionTimeToLive { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long an acquire tries to reach the store before it gives up, and a release before it goes on in the background.
    /// Where a store that lost its sessions says for how long it opens none, that time does not count.</summary>
    /// <value>10 seconds; more than zero.</value>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How much earlier than the store a holder stops believing.</summary>
    /// <value>500 ppm of drift on each side, and the larger of 250 ms and a thirtieth of the time to live.</value>
    public DeadlineMargin Margin { get; init; } = new();

    /// <summary>What others see beside the host and the process when they ask who holds a claim, or null.</summary>
    /// <value>null; up to 256 UTF-8 bytes.</value>
    public string? Label { get; init; }

    /// <summary>True to leave the store open when the client is disposed.</summary>
    /// <value>false.</value>
    public bool LeaveStoreOpen { get; init; }

    /// <summary>Every clock and timer of the client, or null for one that counts suspended time and needs no thread of the pool.</summary>
    /// <value>null.</value>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>Where to log, or null.</summary>
    /// <value>null.</value>
    public ILoggerFactory? LoggerFactory { get; init; }

    internal void Check()
    {
        if (SessionTimeToLive < StoreLimits.MinTimeToLive || SessionTimeToLive > StoreLimits.MaxTimeToLive)
        {
            throw new ArgumentOutOfRangeException(nameof(SessionTimeToLive), SessionTimeToLive,
                "ConclaveOptions.SessionTimeToLive must be from 2 seconds to 10 minutes.");
        }

        if (OperationTimeout <= TimeSpan.Zero || OperationTimeout > TimeSpan.FromDays(1))
        {
            throw new ArgumentOutOfRangeException(nameof(OperationTimeout), OperationTimeout,
                "ConclaveOptions.OperationTimeout must be more than zero and at most a day.");
        }

        ArgumentNullException.ThrowIfNull(Margin);
        Margin.Check(SessionTimeToLive);
        if (Label is not null)
        {
            _ = StoreLimits.CheckText(Label, "label", StoreLimits.MaxNameBytes);
        }
    }
}
