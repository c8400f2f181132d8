using System.Runtime.InteropServices;
using System.Text;
using Conclave.Cli.Processes;

namespace Conclave.Cli.Output;

/// <summary>
/// Writes to stdout or stderr, and nothing else: .NET's Console would set up the terminal, which may belong to the command by then, and a
/// FileStream would keep a position of its own in a file that the command writes to as well.
/// </summary>
internal sealed unsafe class StandardStream(int descriptor)
{
    private const uint GetWindowSize = 0x5413;
    private const short Writable = 4;
    private const short Broken = 8;

    public static StandardStream Out { get; } = new(1);

    public static StandardStream Error { get; } = new(2);

    public bool IsTerminal { get; } = OperatingSystem.IsLinux() && Posix.IsTerminal(descriptor) == 1;

    /// <summary>The width of the terminal, 80 when it does not say.</summary>
    public int Columns
    {
        get
        {
            Posix.WindowSize size = default;
            return IsTerminal && Posix.GetWindowSize(descriptor, GetWindowSize, &size) == 0 && size.Columns > 0 ? size.Columns : 80;
        }
    }

    /// <summary>Whether nobody reads a pipe any more.</summary>
    public bool IsAbandoned()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        var question = new Posix.PollDescriptor { Descriptor = descriptor };
        return Posix.Poll(&question, 1, 0) > 0 && (question.Returned & Broken) != 0;
    }

    /// <summary>Writes all of it, in one call where possible. What stderr does not take is not told anywhere.</summary>
    /// <exception cref="OutputClosedException">Who read stdout has left.</exception>
    /// <exception cref="CliException">74: stdout takes no more, for example because the disk is full.</exception>
    public void Write(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (!OperatingSystem.IsLinux())
        {
            using var stream = descriptor == 1 ? Console.OpenStandardOutput() : Console.OpenStandardError();
            stream.Write(bytes);
            return;
        }

        fixed (byte* start = bytes)
        {
            nint written = 0;
            while (written < bytes.Length)
            {
                nint count = Posix.Write(descriptor, start + written, bytes.Length - written);
                int error = count < 0 ? Marshal.GetLastPInvokeError() : 0;
                if (error == Posix.Eagain)
                {
                    // somebody who shares the pipe made it non-blocking
                    var wait = new Posix.PollDescriptor { Descriptor = descriptor, Events = Writable };
                    _ = Posix.Poll(&wait, 1, -1);
                }
                else if (error is not (0 or Posix.Eintr))
                {
                    if (descriptor != 1)
                    {
                        return;
                    }

                    throw error == Posix.Epipe ? new OutputClosedException()
                        : new CliException(ExitCode.CannotWrite, $"standard output cannot be written: {Marshal.GetPInvokeErrorMessage(error)}. What is there is not whole.");
                }

                written += Math.Max(0, count);
            }
        }
    }
}
