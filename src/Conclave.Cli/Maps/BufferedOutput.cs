using System.Text;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary>Many lines for stdout, written some at a time, and whole.</summary>
internal sealed class BufferedOutput
{
    private const int Most = 32 * 1024;

    private readonly StringBuilder _lines = new();

    public void Line(string line)
    {
        _lines.Append(line).Append('\n');
        if (_lines.Length >= Most)
        {
            Flush();
        }
    }

    public void Flush()
    {
        StandardStream.Out.Write(_lines.ToString());
        _lines.Clear();
    }
}
