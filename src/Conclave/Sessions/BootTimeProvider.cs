using System.Runtime.InteropServices;

namespace Conclave;

/// <summary>
/// The default clock: <see cref="TimeProvider.GetTimestamp"/> reads CLOCK_BOOTTIME where there is one, which goes on counting while the
/// machine is suspended, so that a claim does not look fresh after a night in a closed laptop. Elsewhere it is the system's monotonic clock.
/// </summary>
/// <remarks>Source: clock_gettime(2) of Linux; on Windows and macOS the runtime's own monotonic clock is used.</remarks>
public sealed partial class BootTimeProvider : TimeProvider
{
    private const int ClockBootTime = 7;
    private const long NanosecondsPerSecond = 1_000_000_000;

    private readonly bool _hasBootClock = OperatingSystem.IsLinux();

    /// <inheritdoc/>
    public override long TimestampFrequency => _hasBootClock ? NanosecondsPerSecond : base.TimestampFrequency;

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        if (!_hasBootClock)
        {
            return base.GetTimestamp();
        }

        _ = GetTime(ClockBootTime, out var time);
        return (time.Seconds * NanosecondsPerSecond) + time.Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static partial int GetTime(int clock, out Timespec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
