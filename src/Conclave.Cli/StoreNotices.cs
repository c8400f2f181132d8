using Conclave.Cli.Output;
using Microsoft.Extensions.Logging;

namespace Conclave.Cli;

/// <summary>Passes on what whoever waits at a terminal must know of the store: that it opens no session yet, and for how long. The rest is told otherwise.</summary>
internal sealed class StoreNotices(Messages messages) : ILoggerFactory, ILogger
{
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Name == "SessionsRefused")
        {
            messages.Warn(formatter(state, exception));
        }
    }

    public void Dispose()
    {
    }
}
