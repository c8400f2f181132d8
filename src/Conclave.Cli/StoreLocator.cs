using System.Runtime.InteropServices;
using Conclave.Cli.Output;
using Conclave.Consul;
using Conclave.Etcd;
using Conclave.Postgres;
using Conclave.Redis;
using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Cli;

/// <summary>Finds the store: <c>--store</c>, else CONCLAVE_STORE, else a file in the user's state directory.</summary>
internal static class StoreLocator
{
    public const string Variable = "CONCLAVE_STORE";

    private static readonly TimeSpan ShortestOperation = TimeSpan.FromSeconds(1);

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the store object; the file of the default store gets its directory.</summary>
    /// <param name="option">The value of <c>--store</c>, or null.</param>
    /// <exception cref="StoreConfigurationException">The text names no store that we know.</exception>
    public static IStore Open(string? option)
    {
        string? text = option ?? (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } fromVariable ? fromVariable : null);
        return text is null ? new SqliteStore(DefaultPath(create: true)) : Catalog().Create(StoreUri.Parse(text));
    }

    /// <summary>All engines that a URI may name.</summary>
    public static StoreCatalog Catalog() => new StoreCatalog().AddSqlite().AddEtcd().AddConsul().AddRedis().AddPostgres();

    /// <summary>True when the store is a file that is not there yet: nothing is held in it, and looking must not create it.</summary>
    public static bool IsAbsent(IStore store) => store is SqliteStore && !Path.Exists(store.Description.Address);

    /// <summary>The default store, for looking only.</summary>
    public static IStore OpenToLook(string? option) =>
        option is null && Environment.GetEnvironmentVariable(Variable) is null or "" ? new SqliteStore(DefaultPath(create: false)) : Open(option);

    /// <summary>What to keep open so that the store takes our sessions for alive; null where it does not look.</summary>
    public static SafeHandle? LivenessOf(IStore store) => (store as SqliteStore)?.LivenessHandle;

    /// <summary>How long the store may take to answer: no longer than somebody is ready to wait.</summary>
    public static TimeSpan OperationTimeout(bool tryOnce, TimeSpan wait)
    {
        var usual = new ConclaveOptions().OperationTimeout;
        return tryOnce || wait == Timeout.InfiniteTimeSpan || wait > usual ? usual : wait > ShortestOperation ? wait : ShortestOperation;
    }

    /// <summary>Says that a store in memory excludes nobody.</summary>
    public static void WarnAboutReach(IStore store, Messages messages)
    {
        if (store.Description.Reach == StoreReach.Process)
        {
            messages.Warn($"the store '{store.Description.Engine}:' is in the memory of this process, so the lock excludes nobody else; use 'sqlite:PATH'.");
        }
    }

    private static string DefaultPath(bool create)
    {
        // the base directory specification: a relative path is to be ignored
        string? state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (state is null || !Path.IsPathRooted(state))
        {
            string? home = Environment.GetEnvironmentVariable("HOME");
            state = home is { Length: > 0 } && Path.IsPathRooted(home)
                ? Path.Combine(home, ".local", "state")
                : throw new StoreConfigurationException("HOME is not set, so there is no place for the default store; set --store sqlite:PATH or CONCLAVE_STORE.");
        }

        string directory = Path.Combine(state, "conclave");
        if (create && !Directory.Exists(directory))
        {
            try
            {
                _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(directory) : Directory.CreateDirectory(directory, OwnerOnly);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StoreConfigurationException(
                    $"The directory '{directory}' for the default store cannot be created ({e.Message.TrimEnd('.')}); set --store sqlite:PATH or CONCLAVE_STORE.", e)
                {
                    CannotCreate = true,
                };
            }
        }

        return Path.Combine(directory, "conclave.db");
    }
}
