using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Conclave.Servers;

/// <summary>Keeps what was logged: the level, the message, the exception.</summary>
public sealed class RecordedLog : ILoggerFactory, ILogger
{
    /// <summary>The lines so far.</summary>
    public ConcurrentQueue<string> Written { get; } = [];

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        ArgumentNullException.ThrowIfNull(formatter);
        Written.Enqueue($"{logLevel}: {formatter(state, exception)}{exception}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
