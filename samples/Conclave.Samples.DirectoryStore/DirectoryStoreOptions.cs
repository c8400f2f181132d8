namespace Conclave.Samples;

/// <summary>The settings of a <see cref="DirectoryStore"/>.</summary>
public sealed record DirectoryStoreOptions
{
    /// <summary>The directory; made when it does not exist. On a local file system: locks of files do not cross machines.</summary>
    public required string Path { get; init; }

    /// <summary>The clock of the sessions.</summary>
    /// <value>The boot clock: the same in all processes of a machine.</value>
    public TimeProvider TimeProvider { get; init; } = new BootTimeProvider();

    /// <summary>How long a call waits for other processes before the store counts as unavailable.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often somebody who waits looks for the changes of other processes, and for sessions that have expired.</summary>
    /// <value>10 milliseconds.</value>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(10);
}
