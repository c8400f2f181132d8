using Microsoft.Extensions.Logging;

namespace Conclave;

internal sealed partial class Coordinator
{
    [LoggerMessage(20, LogLevel.Debug, "Giving up {Key} did not reach the store yet")]
    private partial void LogLeaveFailed(Exception exception, string key);

    [LoggerMessage(21, LogLevel.Warning, "A clean-up in the background failed; what it left is gone when the session ends")]
    private partial void LogBackgroundFailed(Exception exception);

    [LoggerMessage(22, LogLevel.Warning, "{Reason}", EventName = "SessionsRefused")]
    private partial void LogRefused(string reason);
}
