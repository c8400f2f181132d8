using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Conclave.Cli.Processes;

/// <summary>
/// Starts a process as the leader of a new process group, with every byte of its arguments and environment as given. Not
/// System.Diagnostics.Process, which knows no groups and reaps children on its own.
/// </summary>
internal static unsafe class Spawn
{
    // larger than the structures of glibc (336, 80) and musl (336, 80)
    private const int OpaqueBytes = 512;
    private const short SetGroup = 2;
    private const short SetSignalDefaults = 4;
    private const short SetSignalMask = 8;
    private const int ReadWrite = 2;
    private const int GetFlags = 1;
    private const int CloseOnExec = 1;
    private const int DuplicateCloseOnExec = 1030;

    // glibc has it since 2.35, musl has not; then the caller gives the terminal away a moment after the start
    private static readonly Lazy<nint> TerminalAction = new(() =>
        NativeLibrary.TryLoad("libc.so.6", out nint libc)
        && NativeLibrary.TryGetExport(libc, "posix_spawn_file_actions_addtcsetpgrp_np", out nint function) ? function : 0);

    /// <summary>What to start.</summary>
    /// <param name="Path">The file.</param>
    /// <param name="Arguments">The arguments, the name of the program first; UTF-8 or any other bytes.</param>
    /// <param name="Environment">The environment as <c>NAME=value</c>.</param>
    /// <param name="StillIgnored">Signals that our parent had ignored, so that the child ignores them as well (nohup).</param>
    public sealed record Request(string Path, IReadOnlyList<byte[]> Arguments, IReadOnlyList<byte[]> Environment, SignalSet StillIgnored)
    {
        /// <summary>Descriptors of ours to hand over, by their number in the child, from 3 up. If null, the child gets 0, 1, 2 and what we inherited without close-on-exec.</summary>
        public IReadOnlyList<SafeHandle?>? Descriptors { get; init; }

        /// <summary>The group becomes the foreground group of the terminal on stdin before the program runs, where libc can do that.</summary>
        public bool TakesTerminal { get; init; }
    }

    /// <summary>Starts it. By the time this returns it has been executed, as the leader of a group of its own.</summary>
    /// <param name="request">What to start.</param>
    /// <param name="process">Its id, which is also that of its group.</param>
    /// <returns>0, or the error number.</returns>
    public static int Start(Request request, out int process)
    {
        byte* attributes = stackalloc byte[OpaqueBytes];
        byte* actions = stackalloc byte[OpaqueBytes];
        var copies = new List<SafeHandle>();
        using var path = new NativeStrings([Encoding.UTF8.GetBytes(request.Path)]);
        using var arguments = new NativeStrings(request.Arguments);
        using var environment = new NativeStrings(request.Environment);
        _ = Posix.InitAttributes(attributes);
        _ = Posix.InitActions(actions);
        try
        {
            SetAttributes(attributes, request.StillIgnored);
            if (request.TakesTerminal && TerminalAction.Value is var add && add != 0)
            {
                _ = ((delegate* unmanaged<byte*, int, int>)add)(actions, 0);
            }

            if (request.Descriptors is { } descriptors)
            {
                AddActions(actions, descriptors, copies);
            }

            int started = 0;
            int error = Posix.Spawn(&started, path.Pointer[0], actions, attributes, arguments.Pointer, environment.Pointer);
            process = started;
            return error;
        }
        finally
        {
            copies.ForEach(c => c.Dispose());
            _ = Posix.DestroyActions(actions);
            _ = Posix.DestroyAttributes(attributes);
        }
    }

    private static void SetAttributes(byte* attributes, SignalSet stillIgnored)
    {
        byte* defaults = stackalloc byte[Posix.SignalSetBytes];
        byte* mask = stackalloc byte[Posix.SignalSetBytes];
        _ = Posix.EmptySignalSet(mask);
        _ = Posix.EmptySignalSet(defaults);
        for (int signal = 1; signal <= Posix.LastSignal; signal++)
        {
            // .NET ignores SIGPIPE in every process: what our parent wanted can no longer be known
            if (!stillIgnored.Contains(signal) || signal == Posix.SigPipe)
            {
                _ = Posix.AddToSignalSet(defaults, signal);
            }
        }

        _ = Posix.SetAttributeGroup(attributes, 0);
        _ = Posix.SetAttributeSignalMask(attributes, mask);
        _ = Posix.SetAttributeSignalDefaults(attributes, defaults);
        _ = Posix.SetAttributeFlags(attributes, SetGroup | SetSignalDefaults | SetSignalMask);
    }

    private static void AddActions(byte* actions, IReadOnlyList<SafeHandle?> descriptors, List<SafeHandle> copies)
    {
        foreach (int inherited in InheritedDescriptors())
        {
            _ = Posix.AddClose(actions, inherited);
        }

        for (int target = 0; target <= 2; target++)
        {
            _ = Posix.AddOpen(actions, target, "/dev/null", ReadWrite, 0);
        }

        for (int i = 0; i < descriptors.Count; i++)
        {
            if (descriptors[i] is { } handle)
            {
                // a copy above all targets, so that no target overwrites a source
                int copy = Posix.DuplicateAbove(handle, DuplicateCloseOnExec, descriptors.Count + 3);
                copies.Add(new SafeFileHandle(copy, ownsHandle: true));
                _ = Posix.AddDuplicate(actions, copy, i + 3);
            }
        }
    }

    /// <summary>What a parent left open in us, such as the lock file of an outer script or a pipe that should see its end.</summary>
    private static List<int> InheritedDescriptors()
    {
        var inherited = new List<int>();
        foreach (string link in Directory.EnumerateFiles("/proc/self/fd"))
        {
            if (int.TryParse(Path.GetFileName(link), out int descriptor) && descriptor > 2
                && Posix.GetDescriptorFlags(descriptor, GetFlags) is >= 0 and var flags && (flags & CloseOnExec) == 0)
            {
                inherited.Add(descriptor);
            }
        }

        return inherited;
    }

    /// <summary>A null-terminated array of null-terminated strings.</summary>
    private readonly struct NativeStrings : IDisposable
    {
        private readonly int _count;

        public NativeStrings(IReadOnlyList<byte[]> strings)
        {
            _count = strings.Count;
            Pointer = (byte**)NativeMemory.AllocZeroed((nuint)(_count + 1), (nuint)sizeof(byte*));
            for (int i = 0; i < _count; i++)
            {
                Pointer[i] = (byte*)NativeMemory.Alloc((nuint)strings[i].Length + 1);
                strings[i].CopyTo(new Span<byte>(Pointer[i], strings[i].Length));
                Pointer[i][strings[i].Length] = 0;
            }
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            for (int i = 0; i < _count; i++)
            {
                NativeMemory.Free(Pointer[i]);
            }

            NativeMemory.Free(Pointer);
        }
    }
}
