namespace Conclave.Servers;

/// <summary>A server did not start, or did not answer in time.</summary>
public sealed class ServerFailedException : Exception
{
    internal ServerFailedException(string message, bool isPortTaken, Exception? inner = null)
        : base(message, inner) => IsPortTaken = isPortTaken;

    /// <summary>Whether another program had one of its ports.</summary>
    internal bool IsPortTaken { get; }
}
