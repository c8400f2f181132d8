using System.Text.Encodings.Web;
using System.Text.Json;

namespace Conclave.Bench;

/// <summary>A page, to be read again: the summary is made from these.</summary>
internal sealed record PageData(
    string Question, Machine Machine, IReadOnlyList<string> Servers, IReadOnlyList<string> Settings, double Minutes, IReadOnlyList<ResultRow> Rows, IReadOnlyList<Figure> Figures)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static PageData? Read(string folder, string question)
    {
        string file = FileOf(folder, question);
        return File.Exists(file) ? JsonSerializer.Deserialize<PageData>(File.ReadAllText(file), Json) : null;
    }

    public void Write(string folder)
    {
        string file = FileOf(folder, Question);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, JsonSerializer.Serialize(this, Json) + "\n");
    }

    private static string FileOf(string folder, string question) => Path.Combine(folder, "data", $"{question}.json");
}
