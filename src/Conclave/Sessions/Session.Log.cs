using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave;

internal sealed partial class Session
{
    [LoggerMessage(1, LogLevel.Debug, "Session {Session} is open with a time to live of {TimeToLive}")]
    private partial void LogOpened(SessionId session, TimeSpan timeToLive);

    [LoggerMessage(2, LogLevel.Warning, "Session {Session} could not be renewed; its claims are at risk, {SafeTime} left")]
    private partial void LogRenewalFailed(Exception exception, SessionId session, TimeSpan safeTime);

    [LoggerMessage(3, LogLevel.Information, "Session {Session} is renewed again")]
    private partial void LogRenewedAgain(SessionId session);

    [LoggerMessage(4, LogLevel.Warning, "The wall clock ran ahead of the monotonic clock; session {Session} is renewed before it is believed again")]
    private partial void LogClockDisturbed(SessionId session);

    [LoggerMessage(5, LogLevel.Error, "Session {Session} is lost, and all its claims with it: {Reason}")]
    private partial void LogLost(SessionId session, string reason);

    [LoggerMessage(6, LogLevel.Error, "A callback on the loss of session {Session} failed")]
    private partial void LogCallbackFailed(Exception exception, SessionId session);

    [LoggerMessage(8, LogLevel.Warning, "Session {Session} could not make sure of what happened to a join; trying again")]
    private partial void LogNotSettled(Exception exception, SessionId session);

    [LoggerMessage(7, LogLevel.Debug, "Session {Session} could not be closed; it runs out by itself")]
    private partial void LogNotClosed(Exception exception, SessionId session);
}
