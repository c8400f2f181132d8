using System.Runtime.InteropServices;

namespace Conclave.Timekeeping;

/// <summary>What the kernel believes about the error of its wall clock.</summary>
internal interface IKernelClock
{
    /// <summary>Asks the kernel.</summary>
    /// <returns>Its answer; null where there is no such question.</returns>
    KernelEstimate? Read();
}

/// <summary>The kernel's answer.</summary>
/// <param name="IsSynchronized">Whether a daemon has told the kernel lately that the clock is right.</param>
/// <param name="MaxError">The bound that the daemon told, grown since.</param>
/// <param name="EstimatedError">The error that the daemon expects.</param>
internal readonly record struct KernelEstimate(bool IsSynchronized, TimeSpan MaxError, TimeSpan EstimatedError);

/// <summary>Asks Linux.</summary>
/// <remarks>Source: adjtimex(2), with no mode set, which only reads and needs no privilege.</remarks>
internal sealed partial class KernelClock : IKernelClock
{
    private const int ClockError = 5;
    private const int Unsynchronized = 0x40;

    public KernelEstimate? Read()
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return null;
        }

        var state = default(State);
        int clock = Adjust(ref state);
        return clock < 0 ? null
            : new(clock != ClockError && (state.Status & Unsynchronized) == 0, TimeSpan.FromMicroseconds(state.MaxError), TimeSpan.FromMicroseconds(state.EstimatedError));
    }

    [LibraryImport("libc", EntryPoint = "adjtimex")]
    private static partial int Adjust(ref State state);

    /// <summary>struct timex of 64-bit Linux: what we read of it, at its places, in the size of all of it.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 208)]
    private struct State
    {
        [FieldOffset(24)]
        public long MaxError;

        [FieldOffset(32)]
        public long EstimatedError;

        [FieldOffset(40)]
        public int Status;
    }
}
