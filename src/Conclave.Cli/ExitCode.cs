namespace Conclave.Cli;

/// <summary>What the command's exit code says; the numbers above 63 are those of sysexits.h.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int InternalError = 1;
    public const int Usage = 64;
    public const int ClocksDisagree = 65;
    public const int BadInput = 65;
    public const int StoreUnavailable = 69;
    public const int ClaimLost = 70;
    public const int CannotCreateStore = 73;
    public const int CannotWrite = 74;
    public const int NotAcquired = 75;
    public const int AccessRefused = 77;
    public const int Configuration = 78;
    public const int NotExecutable = 126;
    public const int CommandNotFound = 127;

    /// <summary>The exit code of a process that a signal ended, as shells have it.</summary>
    public static int OfSignal(int signal) => 128 + signal;

    public static int Of(Exception exception) => exception switch
    {
        CliException e => e.ExitCode,
        StoreUnavailableException or OutcomeUnknownException or SessionExpiredException => StoreUnavailable,
        ClaimLostException => ClaimLost,
        StoreConfigurationException { CannotCreate: true } => CannotCreateStore,
        StoreAccessException => AccessRefused,
        StoreConfigurationException or StoreFormatException or RuleMismatchException => Configuration,
        _ => InternalError,
    };
}
