using System.Globalization;

namespace Conclave.TestWorker;

/// <summary>A resource that checks tokens: a file of lines "token text" that refuses a token smaller than the largest it has seen.</summary>
internal static class FencedFile
{
    /// <param name="path">The file.</param>
    /// <param name="token">The writer's.</param>
    /// <param name="text">What to append.</param>
    /// <param name="checks">False for a resource that takes whatever comes: what the check is good for shows without it.</param>
    public static async Task<bool> TryAppendAsync(string path, FencingToken token, string text, bool checks = true)
    {
        while (true)
        {
            try
            {
                await using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                using var reader = new StreamReader(file);
                string[] lines = (await reader.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                long seen = lines.Select(l => long.Parse(l.Split(' ')[0], CultureInfo.InvariantCulture)).DefaultIfEmpty().Max();
                if (checks && token.Value < seen)
                {
                    return false;
                }

                await using var writer = new StreamWriter(file);
                await writer.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{token} {text}\n"));
                return true;
            }
            catch (IOException)
            {
                // somebody else is writing
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            }
        }
    }
}
