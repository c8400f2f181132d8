namespace Conclave.Servers;

/// <summary>A server that a test needs is not on this machine. To xunit.v3 this is a test that is skipped.</summary>
public sealed class ServerMissingException : Exception
{
    // what xunit.v3 looks for at the start of a message, in an exception of any type
    private const string SkipToken = "$XunitDynamicSkip$";

    internal ServerMissingException(string message)
        : base(SkipToken + message)
    {
    }
}
