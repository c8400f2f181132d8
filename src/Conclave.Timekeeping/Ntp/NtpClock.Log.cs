using Microsoft.Extensions.Logging;

namespace Conclave.Timekeeping;

public sealed partial class NtpClock
{
    [LoggerMessage(1, LogLevel.Information, "The clock is {State}: {Explanation}")]
    private partial void LogState(ClockState state, string explanation);

    [LoggerMessage(2, LogLevel.Warning, "The clock was moved by {Step}: {Explanation}")]
    private partial void LogStep(TimeSpan step, string explanation);

    [LoggerMessage(3, LogLevel.Debug, "Time server {Server}: {Problem}")]
    private partial void LogProblem(string server, string problem);

    [LoggerMessage(4, LogLevel.Error, "A handler of the clock's changes failed")]
    private partial void LogHandlerFailed(Exception exception);

    [LoggerMessage(5, LogLevel.Error, "A round of questions to the time servers failed; it is repeated")]
    private partial void LogRoundFailed(Exception exception);
}
