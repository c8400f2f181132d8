namespace Conclave;

/// <summary>The base of everything that Conclave reports about the world; wrong arguments are <see cref="ArgumentException"/>s.</summary>
public abstract class ConclaveException : Exception
{
    private protected ConclaveException(string message, Exception? innerException, bool isTransient)
        : base(message, innerException) => IsTransient = isTransient;

    /// <summary>True when the same call may well succeed later without anybody changing a setting.</summary>
    public bool IsTransient { get; }
}

/// <summary>The store could not be asked, and nothing was applied. Try again later.</summary>
/// <param name="message">What happened and what to do.</param>
/// <param name="innerException">The cause.</param>
public sealed class StoreUnavailableException(string message, Exception? innerException = null)
    : ConclaveException(message, innerException, isTransient: true)
{
    /// <summary>
    /// How long the store refuses, where it says so: it answers, but opens no session yet, because it forgot the earlier ones and their holders
    /// may still believe. Null for a store that does not answer.
    /// </summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>A commit may or may not have been applied. Read back before doing anything that depends on it.</summary>
/// <param name="message">What happened.</param>
/// <param name="innerException">The cause.</param>
public sealed class OutcomeUnknownException(string message, Exception? innerException = null)
    : ConclaveException(message, innerException, isTransient: true);

/// <summary>The store refused us: credentials, permissions or TLS.</summary>
/// <param name="message">What was refused and what to do.</param>
/// <param name="innerException">The cause.</param>
public sealed class StoreAccessException(string message, Exception? innerException = null)
    : ConclaveException(message, innerException, isTransient: false);

/// <summary>A setting of the store or of ours does not fit.</summary>
/// <param name="message">The setting and what to do.</param>
/// <param name="innerException">The cause.</param>
public sealed class StoreConfigurationException(string message, Exception? innerException = null)
    : ConclaveException(message, innerException, isTransient: false)
{
    /// <summary>True when the store does not exist yet and cannot be created where it was asked for.</summary>
    public bool CannotCreate { get; init; }
}

/// <summary>The stored data is newer than this version, foreign, or damaged. Nothing was changed.</summary>
/// <param name="message">What was found and what to do.</param>
/// <param name="innerException">The cause.</param>
public sealed class StoreFormatException(string message, Exception? innerException = null)
    : ConclaveException(message, innerException, isTransient: false);

/// <summary>A session is gone: it expired, was closed, or the store forgot it. Nothing was written.</summary>
/// <param name="message">Which session.</param>
/// <param name="innerException">The cause.</param>
public sealed class SessionExpiredException(string message, Exception? innerException = null)
    : ConclaveException(message, innerException, isTransient: true);

/// <summary>A claim is no longer ours; stop the work that it protected.</summary>
public sealed class ClaimLostException : ConclaveException
{
    /// <summary>Reports the loss of a claim.</summary>
    /// <param name="name">The claim's name.</param>
    /// <param name="token">The token it had.</param>
    /// <param name="cause">Why it was lost.</param>
    public ClaimLostException(string name, FencingToken token, string cause)
        : base($"The claim on '{name}' (token {token}) is lost: {cause}.", null, isTransient: true) =>
        (Name, Token, Cause) = (name, token, cause);

    /// <summary>The claim's name.</summary>
    public string Name { get; }

    /// <summary>The token it had.</summary>
    public FencingToken Token { get; }

    /// <summary>Why it was lost.</summary>
    public string Cause { get; }
}

/// <summary>Others use the same name with another rule: a lock where we want a semaphore, or another number of permits.</summary>
/// <param name="message">What was expected and what was found.</param>
public sealed class RuleMismatchException(string message) : ConclaveException(message, null, isTransient: false);
