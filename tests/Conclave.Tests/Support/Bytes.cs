using System.Text;
using Conclave.Storage;

namespace Conclave.Tests;

internal static class Bytes
{
    public static ReadOnlyMemory<byte> Of(string text) => Encoding.UTF8.GetBytes(text);

    public static string Text(this Entry entry) => Encoding.UTF8.GetString(entry.Value.Span);
}
